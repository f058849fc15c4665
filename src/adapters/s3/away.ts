import { RetryableFault } from '../../core/errors.ts';
import type { ObjectStore } from '../../engine/ports/object-store.ts';

interface Pinged extends ObjectStore {
  ping(): Promise<void>;
}

/**
 * A store that answers 500 may have trouble with this one object, which must end some day, or with everything, which
 * says nothing against whoever asked: then it does not answer for its bucket either.
 */
export function awayTold<Store extends Pinged>(store: Store): Store {
  const told =
    <Of extends unknown[], Answer>(ask: (...of: Of) => Promise<Answer>) =>
    async (...of: Of): Promise<Answer> => {
      try {
        return await ask(...of);
      } catch (error) {
        if (!(error instanceof RetryableFault) || error.away || (await answers(store))) throw error;
        throw new RetryableFault(error.message, { cause: error, away: true });
      }
    };
  return {
    ...store,
    head: told(store.head),
    read: told(store.read),
    copy: told(store.copy),
    put: told(store.put),
    putStream: told(store.putStream),
    removeAll: told(store.removeAll),
    bytesOf: told(store.bytesOf),
  };
}

async function answers(store: Pinged): Promise<boolean> {
  try {
    await store.ping();
    return true;
  } catch (error) {
    return !(error instanceof RetryableFault);
  }
}
