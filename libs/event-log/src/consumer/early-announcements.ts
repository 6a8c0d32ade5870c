import type { Announcement } from '@plumbline/contracts';
import { earlyAnnouncementsMax, earlyWaitMs } from '../limits.ts';
import type { Timer } from './bucket.ts';

export interface EarlyAnnouncementsParts {
  timer: Timer;
  /** The last position that is known without a gap; undefined while nobody takes anything. */
  knownTo(): number | undefined;
  offer(announcement: Announcement): void;
  /** What was missing did not come: the feed has it. */
  missed(): void;
}

/**
 * Announcements that were heard before what comes before them: each service announces for itself, and what one of them
 * appended later may be heard sooner. The missing one comes in a moment and costs nothing, where reading the feed costs a
 * query; so it is waited for a little. Only whole announcements of the present generation are to be kept here.
 */
export class EarlyAnnouncements {
  readonly #parts: EarlyAnnouncementsParts;
  #kept: Announcement[] = [];
  #cancelWait: (() => void) | undefined;

  constructor(parts: EarlyAnnouncementsParts) {
    this.#parts = parts;
  }

  /** True: it is early, and is offered when what is before it is known. */
  keep(announcement: Announcement): boolean {
    if (!this.#isEarly(announcement)) return false;
    this.#kept.push(announcement);
    if (this.#kept.length > earlyAnnouncementsMax) this.#giveUp();
    else this.#cancelWait ??= this.#parts.timer(earlyWaitMs, () => this.#giveUp());
    return true;
  }

  /** More is known now. */
  settle(): void {
    if (this.#kept.length === 0) return;
    for (const announcement of this.#kept.toSorted((a, b) => a.from - b.from)) {
      if (this.#isEarly(announcement)) break;
      this.#parts.offer(announcement);
    }
    const knownTo = this.#parts.knownTo() ?? Number.POSITIVE_INFINITY;
    this.#kept = this.#kept.filter(({ to }) => to > knownTo);
    if (this.#kept.length === 0) this.forget();
  }

  forget(): void {
    this.#kept = [];
    this.#cancelWait?.();
    this.#cancelWait = undefined;
  }

  #isEarly({ from }: Announcement): boolean {
    const knownTo = this.#parts.knownTo();
    return knownTo !== undefined && from > knownTo + 1;
  }

  #giveUp(): void {
    this.forget();
    this.#parts.missed();
  }
}
