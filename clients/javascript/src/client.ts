import { identifyCall, pageCall, required, text } from "./arguments";
import { context, pageContext } from "./context";
import type { Body, Event, EventOptions, Json, Numbering, Position } from "./event";
import { type Options, type Settings, settings } from "./options";
import { type Owner, owner } from "./owner";
import type { Page } from "./page";
import { Queue, stamped } from "./queue";
import { Sender } from "./sender";
import { type Ids, Session } from "./session";
import { Store } from "./store";
import { User } from "./user";
import { uuid } from "./uuid";
import type { Waybill } from "./waybill";

/** In the tab's storage: the position of the last event of this tab. */
const LAST = "last";
/** How many events the full queue has dropped that no event has told of yet. */
const DROPPED = "dropped";

/** The client of one page load: numbers events, keeps them and hands them on. */
export class Client implements Waybill {
  readonly #settings: Settings;
  readonly #store: Store;
  readonly #tab: Store;
  readonly #stream: string;
  #seq = 0;
  #after: Position | undefined;
  #hasWarned = false;
  readonly #user: User;
  readonly #session: Session;
  readonly #queue: Queue;
  readonly #sender: Sender;
  readonly #owner: Owner;

  constructor(
    private readonly browser: Page,
    private readonly options: Options,
  ) {
    this.#settings = settings(options);
    const { writeKey } = this.#settings;
    this.#store = new Store(`waybill:${writeKey}:`, () => browser.localStorage);
    this.#tab = new Store(`waybill:${writeKey}:`, () => browser.sessionStorage);
    this.#stream = uuid(browser.crypto);
    this.#user = new User(this.#store);
    this.#session = new Session(browser, this.#settings, this.#store, {
      answered: (number, ids) => this.#stamp(number, ids),
      failed: (error) => this.#tell(error, []),
    });
    this.#queue = new Queue(this.#store, this.#stream, this.#settings);
    this.#sender = new Sender(browser, this.#settings, this.#queue, (error, events) => this.#tell(error, events));
    this.#owner = owner(browser, this.#store, writeKey);
    this.#session.start();
    this.#wakeUp();
    this.#listen();
  }

  track(event: string, properties?: Json, options?: EventOptions): void {
    this.#guard(() => {
      this.#record({ type: "track", event: required(event, "the event's name"), properties: properties ?? {} }, options);
    });
  }

  identify(...args: unknown[]): void {
    this.#guard(() => {
      const [id, traits, options] = identifyCall(args);
      this.#record({ type: "identify", traits: this.#user.identify(id, traits) }, options);
    });
  }

  page(...args: unknown[]): void {
    this.#guard(() => {
      const { category, name, properties, options } = pageCall(args);
      const all = { ...pageContext(this.browser), category, name, ...properties };
      this.#record({ type: "page", category, name, properties: all }, options);
    });
  }

  group(groupId: string | number, traits?: Json, options?: EventOptions): void {
    this.#guard(() => {
      this.#record({ type: "group", groupId: required(groupId, "the group's id"), traits: traits ?? {} }, options);
    });
  }

  alias(userId: string | number, previousId?: string | number, options?: EventOptions): void {
    this.#guard(() => {
      // Without any, the visitor's id is put in as soon as it is there.
      const previous = text(previousId) ?? this.#user.id ?? options?.anonymousId;
      this.#record({ type: "alias", userId: required(userId, "the user's id"), previousId: previous }, options);
    });
  }

  reset(): void {
    this.#guard(() => {
      this.#user.forget();
      this.#session.reset();
    });
  }

  async flush(): Promise<void> {
    await this.#session.run();
    await this.#sender.run();
  }

  ready(): Promise<void> {
    return this.#session.ready();
  }

  anonymousId(): string | null {
    return this.#session.anonymousId;
  }

  userId(): string | null {
    return this.#user.id;
  }

  #record(body: Body, options: EventOptions = {}): void {
    const place = this.#session.forEvent();
    const isWaiting = typeof place === "number";
    const event = this.#event(body, options);
    if (!isWaiting) stamped(event, place);
    this.#queue.push(event, isWaiting ? place : undefined, this.#session.isResetting);
    // From here on the event exists.
    const { stream, seq, dropped } = event.context.waybill;
    this.#tab.setJson(LAST, { stream, seq });
    this.#seq++;
    this.#after = undefined;
    if (dropped) this.#store.remove(DROPPED);
    this.#trim();
    this.#sender.soon();
  }

  #event(body: Body, options: EventOptions): Event {
    const page = this.browser;
    return {
      messageId: `wjs-${uuid(page.crypto)}`,
      anonymousId: options.anonymousId,
      userId: this.#user.id ?? undefined,
      timestamp: new Date(options.timestamp ?? page.Date.now()).toISOString(),
      integrations: options.integrations,
      ...body,
      context: { ...context(page), ...options.context, waybill: this.#numbering() },
    };
  }

  #numbering(): Numbering {
    return { stream: this.#stream, seq: this.#seq, after: this.#after, dropped: this.#dropped || undefined };
  }

  get #dropped(): number {
    return Number(this.#store.get(DROPPED)) || 0;
  }

  #stamp(number: number, ids: Ids): void {
    this.#queue.stamp(number, ids);
    if (this.#queue.ready().length) void this.#sender.run();
  }

  #trim(): void {
    const dropped = this.#queue.trim(this.#sender.inFlight());
    if (!dropped.length) return;
    // What a dropped event told of dropped ones is still to be told.
    const count = dropped.reduce((sum, { context }) => sum + 1 + (context.waybill.dropped ?? 0), 0);
    this.#store.setJson(DROPPED, count + this.#dropped);
    this.#tell(new Error("the queue is full: its oldest events are dropped"), dropped);
  }

  /** The page is loaded, or comes back out of the browser's cache of pages. */
  #wakeUp(): void {
    const last = this.#tab.getJson<Position>(LAST);
    if (last?.stream !== this.#stream) this.#after = last;
    this.#owner.own(this.#stream);
    for (const stream of this.#queue.otherStreams()) this.#owner.adopt(stream, () => this.#adopt(stream));
  }

  #adopt(stream: string): void {
    this.#queue.adopt(stream, this.#session.asked);
    this.#trim();
    const place = this.#session.forEvent();
    if (typeof place !== "number") this.#stamp(Infinity, place);
  }

  #listen(): void {
    const page = this.browser;
    page.document.addEventListener("visibilitychange", () => {
      if (page.document.visibilityState === "hidden") this.#sender.leave(false);
    });
    page.addEventListener("pagehide", () => {
      this.#sender.leave(true);
      this.#owner.release();
    });
    page.addEventListener("pageshow", ({ persisted }) => {
      if (!persisted) return;
      this.#queue.refresh();
      this.#wakeUp();
      this.#sender.soon();
    });
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#tell(error instanceof Error ? error : new Error(String(error)), []);
    }
  }

  /** Says once on the console that something is wrong, and every time to the option `onError`. */
  #tell(error: Error, events: Event[]): void {
    if (!this.#hasWarned) this.browser.console.warn("waybill:", error.message);
    this.#hasWarned = true;
    try {
      this.options.onError?.(error, events);
    } catch {
      // Nothing more can be done about an error in telling one.
    }
  }
}
