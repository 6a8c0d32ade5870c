import { expect } from 'vitest';

/** The pure parts of a domain; see "The event log" in the architecture. */
export interface Domain<Command, State, Event extends { type: string }, Recorded> {
  decide(command: Command, state: State): Event[];
  evolve(state: State, recorded: Recorded): State;
  initialState: State;
  /** Makes a decided event one that `evolve` takes: version, time and the like. */
  record(event: Event, index: number): Recorded;
}

export interface When<Event> {
  /** Exactly these events, in this order. */
  then(events: readonly Event[]): void;
  thenNothing(): void;
  /** Only the types, where the data is another example's business. */
  thenTypes(types: readonly string[]): Event[];
  /** Refused with an AppError of this code. */
  thenRefused(code: string): void;
}

export interface Specification<Command, State, Event> {
  given(events: readonly Event[]): { when(command: Command): When<Event>; state(): State };
}

/** Given events, when a command, then events: the only shape of a domain's examples. */
export function specify<Command, State, Event extends { type: string }, Recorded>(
  domain: Domain<Command, State, Event, Recorded>,
): Specification<Command, State, Event> {
  const fold = (events: readonly Event[]): State =>
    events.reduce((state, event, index) => domain.evolve(state, domain.record(event, index)), domain.initialState);
  return {
    given: (events) => ({
      state: () => fold(events),
      when: (command) => ({
        then: (expected) => expect(domain.decide(command, fold(events))).toEqual(expected),
        thenNothing: () => expect(domain.decide(command, fold(events))).toEqual([]),
        thenTypes: (types) => {
          const decided = domain.decide(command, fold(events));
          expect(decided.map(({ type }) => type)).toEqual(types);
          return decided;
        },
        thenRefused: (code) => expect(() => domain.decide(command, fold(events))).toThrow(expect.objectContaining({ code })),
      }),
    }),
  };
}
