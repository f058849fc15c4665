/** A point at which a test holds something back until it lets it go. */
export interface Gate {
  /** Resolves when somebody has arrived. */
  arrived: Promise<void>;
  /** Called by what is held back. */
  wait(): Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let arrive: () => void = () => undefined;
  let open: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    arrived,
    open,
    wait: () => {
      arrive();
      return opened;
    },
  };
}
