import { type Debugger, Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';

/** The main thread, reached by the inspector: that gets through to a loop of JavaScript that does nothing else. */
export interface MainThread {
  /** Its innermost functions; none when it stands in a system call, or cannot be reached. */
  whereItStands(): Promise<string[]>;
  exit(code: number): void;
}

/** It has thousands of scripts to tell of first; and the machine may be busy, perhaps with what blocks the process. */
const ANSWER_MS = 5000;
const MOST_FRAMES = 10;

export function openMainThread(): MainThread {
  const session = new Session();
  const scripts = new Map<string, string>();
  try {
    session.connectToMainThread();
  } catch {
    // As in a Node without inspector. The process is ended by a signal all the same; only the first process of a container
    // stays, as it takes none from within.
    return { whereItStands: async () => [], exit: () => undefined };
  }
  session.on('Debugger.scriptParsed', ({ params }) => void scripts.set(params.scriptId, params.url));
  const named = ({ functionName, location }: Debugger.CallFrame) => {
    const { scriptId, lineNumber } = location;
    return `${functionName || '(a function)'} (${scripts.get(scriptId) ?? ''}:${lineNumber + 1})`;
  };
  return {
    async whereItStands() {
      const paused = new Promise<string[]>((resolve) => {
        session.once('Debugger.paused', ({ params }) => {
          resolve(params.callFrames.slice(0, MOST_FRAMES).map(named));
        });
      });
      session.post('Debugger.enable');
      session.post('Debugger.pause');
      return await Promise.race([paused, sleep(ANSWER_MS, [])]);
    },
    exit(code) {
      session.post('Runtime.evaluate', { expression: `process.reallyExit(${code})` });
    },
  };
}
