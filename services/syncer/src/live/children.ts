/** Most owners have one or two children: a Set for each would outweigh the rows. Above this, leaving has to be quick. */
const fewMax = 16;

/** Which objects name which owner. */
export class Children {
  readonly #keys = new Map<string, string[] | Set<string>>();

  of(ownerUid: string): Iterable<string> {
    return this.#keys.get(ownerUid) ?? [];
  }

  add(ownerUid: string, key: string): void {
    const keys = this.#keys.get(ownerUid);
    if (keys === undefined) this.#keys.set(ownerUid, [key]);
    else if (keys instanceof Set) keys.add(key);
    else if (keys.length === fewMax) this.#keys.set(ownerUid, new Set(keys).add(key));
    // `concat` makes an array that fits; push and spread leave room for sixteen more.
    else if (!keys.includes(key)) this.#keys.set(ownerUid, keys.concat(key));
  }

  remove(ownerUid: string, key: string): void {
    const keys = this.#keys.get(ownerUid);
    if (keys instanceof Set) keys.delete(key);
    const left = keys instanceof Set ? keys : (keys ?? []).filter((other) => other !== key);
    if ((left instanceof Set ? left.size : left.length) === 0) this.#keys.delete(ownerUid);
    else this.#keys.set(ownerUid, left);
  }
}
