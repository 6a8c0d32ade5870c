export interface RoomLimits {
  perSubscription: number;
  perDestination: number;
  max: number;
}

/** How many deliveries may be under way: no subscription and no destination may take the room of the others. */
export interface Room {
  /** For so many more. */
  left(subscription: string, destination: string): number;
  take(subscription: string, destination: string, count: number): void;
  give(subscription: string, destination: string, count: number): void;
}

export function makeRoom({ perSubscription, perDestination, max }: RoomLimits): Room {
  const ofSubscription = new Map<string, number>();
  const ofDestination = new Map<string, number>();
  let total = 0;
  const change = (counts: Map<string, number>, key: string, by: number): void => {
    const count = (counts.get(key) ?? 0) + by;
    if (count === 0) counts.delete(key);
    else counts.set(key, count);
  };
  const changeAll = (subscription: string, destination: string, by: number): void => {
    change(ofSubscription, subscription, by);
    change(ofDestination, destination, by);
    total += by;
  };
  return {
    left: (subscription, destination) =>
      Math.max(0, Math.min(perSubscription - (ofSubscription.get(subscription) ?? 0), perDestination - (ofDestination.get(destination) ?? 0), max - total)),
    take: (subscription, destination, count) => changeAll(subscription, destination, count),
    give: (subscription, destination, count) => changeAll(subscription, destination, -count),
  };
}
