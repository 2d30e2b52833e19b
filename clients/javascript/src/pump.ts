import type { Page } from "./page";

/** What came of one piece of work: done, or to be tried again (after `seconds`, if they are told). */
export type Worked = "done" | { seconds?: number };

const SHORTEST = 500;
const LONGEST = 60_000;

/**
 * Does work piece by piece until there is none, one at a time. After a failure it waits, longer each
 * time, and goes on by itself.
 */
export class Pump {
  #failures = 0;
  #isWaiting = false;
  #running: Promise<void> | undefined;

  /** `next` gives the work to be done now, or nothing. */
  constructor(
    private readonly page: Page,
    private readonly next: () => (() => Promise<Worked>) | undefined,
  ) {}

  /** Ends when nothing is left to do or a piece of work failed; at once while it waits after a failure. */
  run(): Promise<void> {
    if (this.#isWaiting) return Promise.resolve();
    return (this.#running ??= this.#loop());
  }

  async #loop(): Promise<void> {
    // So that `#running` is there when the loop takes it away.
    await undefined;
    for (let work = this.next(); work; work = this.next()) {
      const worked = await work().catch((): Worked => ({}));
      if (worked !== "done") {
        this.#wait(worked.seconds);
        break;
      }
      this.#failures = 0;
    }
    this.#running = undefined;
  }

  #wait(seconds: number | undefined): void {
    this.#isWaiting = true;
    const milliseconds = seconds ? seconds * 1000 : backoff(this.#failures, this.page.Math.random());
    this.#failures++;
    this.page.setTimeout(() => {
      this.#isWaiting = false;
      void this.run();
    }, milliseconds);
  }
}

/** Twice as long after each failure, 0.5 s to 60 s, less up to half of it by chance (`random`: 0 to 1). */
export function backoff(failures: number, random: number): number {
  const full = Math.min(SHORTEST * 2 ** (failures + 1), LONGEST);
  return full * (1 - random / 2);
}
