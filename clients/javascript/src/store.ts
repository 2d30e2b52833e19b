import type { WebStorage } from "./page";

/**
 * Texts by name, kept in the browser's storage where it lets us. What it does not take (blocked, full)
 * is kept in memory, for as long as the page lives.
 */
export class Store {
  readonly #memory = new Map<string, string>();
  readonly #storage: WebStorage | undefined;

  /** Names start with `prefix` in the storage. `open` may throw. */
  constructor(
    private readonly prefix: string,
    open: () => WebStorage,
  ) {
    this.#storage = attempt(open);
  }

  get(name: string): string | undefined {
    return this.#memory.get(name) ?? attempt(() => this.#storage?.getItem(this.prefix + name)) ?? undefined;
  }

  set(name: string, value: string): void {
    const isKept = attempt(() => {
      this.#storage?.setItem(this.prefix + name, value);
      return this.#storage;
    });
    if (isKept) this.#memory.delete(name);
    else this.#memory.set(name, value);
  }

  remove(name: string): void {
    this.#memory.delete(name);
    attempt(() => this.#storage?.removeItem(this.prefix + name));
  }

  /** The names that start with `start`, in no order. */
  names(start: string): string[] {
    const stored = attempt(() => Object.keys(this.#storage ?? {})) ?? [];
    const ours = stored.filter((key) => key.startsWith(this.prefix)).map((key) => key.slice(this.prefix.length));
    return [...new Set([...this.#memory.keys(), ...ours])].filter((name) => name.startsWith(start));
  }

  /** What was put under the name by `setJson`; undefined if it is no longer readable. */
  getJson<T>(name: string): T | undefined {
    const text = this.get(name);
    return text === undefined ? undefined : attempt(() => JSON.parse(text) as T) ?? undefined;
  }

  setJson(name: string, value: unknown): void {
    this.set(name, JSON.stringify(value));
  }
}

function attempt<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
