import type { Json } from "./event";
import type { Store } from "./store";

const USER = "user";

/** Who the page said that the visitor is. */
interface Kept {
  id?: string;
  traits?: Json;
}

/** The user id and traits, shared by all pages of the site. */
export class User {
  constructor(private readonly store: Store) {}

  get id(): string | null {
    return this.#kept.id ?? null;
  }

  /** Remembers both, and gives all traits that are known. Another user's traits are not this one's. */
  identify(id: string | undefined, traits: Json | undefined): Json {
    const kept = this.#kept;
    const isAnother = id !== undefined && kept.id !== undefined && id !== kept.id;
    const all = { ...(isAnother ? {} : kept.traits), ...traits };
    this.store.setJson(USER, { id: id ?? kept.id, traits: all });
    return all;
  }

  forget(): void {
    this.store.remove(USER);
  }

  get #kept(): Kept {
    return this.store.getJson<Kept>(USER) ?? {};
  }
}
