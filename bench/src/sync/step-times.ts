import { PlatformClient } from '@plumbline/testing/scenario';
import type { Stage } from './stage.ts';

interface Told {
  position: number;
  stream: string;
  type: string;
  time: string;
  data: unknown;
}

const pageEvents = 1_000;

/** Where the time of a push goes: what the log says happened when, after the push that it came from. */
export class StepTimes {
  readonly #stage: Stage;
  readonly #api: PlatformClient;
  readonly #from: number;
  readonly #pushedAt: number[] = [];

  private constructor(stage: Stage, api: PlatformClient, from: number) {
    this.#stage = stage;
    this.#api = api;
    this.#from = from;
  }

  static async begin(stage: Stage): Promise<StepTimes> {
    const api = new PlatformClient(stage.platform);
    const { head } = await api.get<{ head: number }>('/api/v1/events?after=0&limit=1');
    return new StepTimes(stage, api, head);
  }

  /** A push ended at this time since the epoch, in ms. */
  pushed(at: number): void {
    this.#pushedAt.push(at);
  }

  /** Median over the pushes of the first event of each type, in the order of time; and how many there were for one push. */
  async medians(): Promise<Record<string, string>> {
    const offsets = new Map<string, number[]>();
    const counts = new Map<string, number>();
    for (const { type, time } of await this.#events()) {
      const at = Date.parse(time);
      const round = this.#pushedAt.findLastIndex((pushed, index) => at >= pushed - (index === 0 ? 0 : earlyMs));
      if (round < 0) continue;
      counts.set(type, (counts.get(type) ?? 0) + 1);
      const known = offsets.get(type) ?? [];
      known[round] ??= at - this.#pushedAt[round]!;
      offsets.set(type, known);
    }
    const medians = [...offsets].map(([type, values]) => [type, medianOf(values.filter((value) => value !== undefined))] as const);
    return Object.fromEntries(
      medians.sort((a, b) => a[1] - b[1]).map(([type, median]) => [type, `${median} (${round1(counts.get(type)! / this.#pushedAt.length)} per push)`]),
    );
  }

  async #events(): Promise<Told[]> {
    const own: Told[] = [];
    for (let after = this.#from; ;) {
      const { events } = await this.#api.get<{ events: Told[] }>(`/api/v1/events?after=${after}&limit=${pageEvents}`);
      own.push(...events.filter(({ stream, data }) => stream.includes(this.#stage.name) || JSON.stringify(data).includes(this.#stage.name)));
      if (events.length === 0) break;
      after = events.at(-1)!.position;
    }
    await this.#api.close();
    return own;
  }
}

/** The webhook is posted before the client of `git push` has heard that it is done. */
const earlyMs = 100;

function medianOf(values: readonly number[]): number {
  return round1([...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
}

const round1 = (value: number): number => Math.round(value * 10) / 10;
