/** What the runtime tells the metrics. Times in seconds. */
export interface RuntimeObserver {
  /** A batch was committed; `waited`: from its first event to its commit, the time its outputs spent at the gate. */
  batch(events: number, bytes: number, waited: number): void;
  /** An append or a claim was refused: another record was the newest. */
  refused(): void;
  flush(events: number, seconds: number): void;
  /** An event went to `dead_letters`. */
  buried(kind: string): void;
}
