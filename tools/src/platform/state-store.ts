import { writeState, type PlatformState } from './state.ts';

/** The supervisor's own copy of `state.json`: each change is on disk before anything else happens. */
export class StateStore {
  readonly #stateDir: string;
  #state: PlatformState;

  constructor(stateDir: string, initial: PlatformState) {
    this.#stateDir = stateDir;
    this.#state = initial;
    writeState(stateDir, initial);
  }

  get current(): Readonly<PlatformState> {
    return this.#state;
  }

  update(change: Partial<PlatformState>): void {
    this.#state = { ...this.#state, ...change };
    writeState(this.#stateDir, this.#state);
  }
}
