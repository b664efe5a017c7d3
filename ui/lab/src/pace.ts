/** How often something is asked for, changed while it is asked. */
import type { Poll } from '@lumino/polling';

/** Have a poll ask this often from now on, beginning with the next time; does nothing where it does already. */
export function pace(poll: Poll, interval: number): void {
  if (!poll.isDisposed && poll.frequency.interval !== interval) {
    poll.frequency = { interval, backoff: false, max: interval };
    void poll.schedule({ interval });
  }
}
