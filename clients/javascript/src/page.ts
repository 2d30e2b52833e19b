/**
 * What this client uses of a browser, and all of it: a `Window` is one. Everything else takes a
 * `Page`, so that tests hand it a fake.
 */
export interface Page {
  readonly location: { readonly href: string; readonly pathname: string; readonly search: string };
  readonly document: {
    readonly referrer: string;
    readonly title: string;
    readonly visibilityState: string;
    addEventListener(type: string, listener: () => void): void;
  };
  readonly navigator: PageNavigator;
  readonly screen: { readonly width: number; readonly height: number };
  readonly devicePixelRatio: number;
  readonly crypto: { randomUUID?(): string; getRandomValues(bytes: Uint8Array<ArrayBuffer>): Uint8Array };
  /** Reading these two may throw, where the visitor blocks storage. */
  readonly localStorage: WebStorage;
  readonly sessionStorage: WebStorage;
  readonly console: { warn(...what: unknown[]): void };
  readonly Date: { now(): number };
  /** `timeout` is missing in old browsers. */
  readonly AbortSignal: { timeout?(milliseconds: number): AbortSignal };
  readonly Math: { random(): number };
  fetch(url: string, init: RequestInit): Promise<Reply>;
  setTimeout(call: () => void, milliseconds: number): unknown;
  clearTimeout(timer: never): void;
  addEventListener(type: string, listener: (event: { persisted?: boolean }) => void): void;
}

/** What is used of `navigator`. */
export interface PageNavigator {
  readonly language?: string;
  readonly userAgent: string;
  /** Whether a program drives the browser (WebDriver, section 4). */
  readonly webdriver?: boolean;
  /** Chromium only. */
  readonly userAgentData?: { readonly brands: unknown; readonly mobile: boolean; readonly platform: string };
  /** Only in secure contexts. */
  readonly locks?: {
    request(name: string, options: { ifAvailable?: boolean }, held: (lock: unknown) => unknown): Promise<unknown>;
  };
}

/** What is used of a `Storage`. What it stores are also its own members, so that `Object.keys` tells the keys. */
export interface WebStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** What is used of a `Response`. */
export interface Reply {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}
