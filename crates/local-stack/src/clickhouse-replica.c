/* Runs ClickHouse out of libchdb.so as a replica:
 * clickhouse-replica LIBRARY ADDRESS PORT ARGUMENT...
 *
 * The library has all of replicated tables and of ON CLUSTER. clickhouse-local, which is the part of it
 * that can be started, leaves out what a server does for them while it starts: it tells nobody where and
 * by which scheme other replicas find it, has no credentials, no listener that hands out parts, and
 * nobody who executes what is told to the cluster. That is done here, in the memory of this process;
 * nothing else of the library is changed. ADDRESS and PORT are its second HTTP listener (`listen_host`),
 * which becomes the one for parts.
 *
 * The places are those of version 26.7.3-stable.1. Each is compared with the instructions that must
 * stand there, and this program ends if it finds others: then they have to be found anew. What refers to
 * a text of a message is the function that sends it; the rest are calls and fields nearby. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct place {
    uintptr_t offset;
    unsigned char code[24];
    size_t size;
};

/* Context::getInterserverIOAddress refers to "Parameter 'interserver_http(s)_port' required for …". It
 * says where, in what all contexts share, the address is: a text, a port, and behind them the scheme. */
static const struct place ADDRESS_OF = {
    0x1417c9c7, {0x4c, 0x8b, 0x36, 0x49, 0x0f, 0xbe, 0x8e, 0x67, 0x01, 0, 0, 0x48, 0x85, 0xc9, 0x49, 0x8b, 0x96, 0x58, 0x01, 0, 0}, 21};
#define ADDRESS_AT 0x150
#define PORT_AT 0x168
#define SCHEME_AT 0x170
/* Context::getDDLWorker refers to "DDL background thread is not initialized", and says where that is. */
static const struct place WORKER_OF = {0x14179508, {0x4c, 0x8b, 0xb0, 0x80, 0x0d, 0, 0}, 7};
#define WORKER_AT 0xd80
/* DDLWorker::DDLWorker refers to its own name; DDLWorker::startup is the one that clears the flag which
 * the destructor sets. */
static const struct place MAKE_WORKER = {0x14243400, {0x55, 0x41, 0x57, 0x41, 0x56, 0x41, 0x55, 0x41, 0x54, 0x53, 0x48, 0x81, 0xec, 0xa8, 0x01, 0, 0}, 17};
static const struct place START_WORKER = {0x14245300, {0x41, 0x57, 0x41, 0x56, 0x53, 0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0xfb, 0x31, 0xc0, 0x86, 0x87, 0xc1, 0x01, 0, 0}, 20};
#define WORKER_SIZE 0x2f0
/* What the function behind "Replicated DDL queries are disabled" asks before it says so: the catalogue
 * of databases, and a flag there that a server sets when it has started. */
static const struct place CATALOGUE = {0x1426b0c0, {0x41, 0x56, 0x53, 0x48, 0x83, 0xec, 0x48, 0x48, 0x8b, 0x05}, 10};
static const struct place IS_ENABLED = {0x142891c0, {0x0f, 0xb6, 0x87, 0x10, 0x09, 0, 0, 0xc3}, 8};
#define ENABLED_AT 0x910
/* clickhouse-local's call of createHandlerFactory is behind its use of the text "HTTPHandler-factory". */
static const struct place FACTORY_CALL = {0x0f117ff6, {0xe8, 0xc5, 0xdc, 0x27, 0x09}, 5};
#define FACTORY 0x18395cc0
/* IServer::context, by its place in the table of virtual functions. */
#define CONTEXT_OF 2
/* Where a part is fetched: the credentials, read from what the function has captured. */
static const struct place CREDENTIALS = {0x179c6000, {0x48, 0x8b, 0x83, 0xc0, 0, 0, 0}, 7};

#define PAGE 4096
#define NO_CREDENTIALS 2048 /* zeros within the page of ours: two empty texts */

static char *base; /* of the library */
static const char *address;
static uint16_t port;

/* The code at a place, if it is what must stand there. */
static char *found(const struct place *place) {
    if (memcmp(base + place->offset, place->code, place->size) != 0) {
        fprintf(stderr, "clickhouse-replica: this is another libchdb.so than was expected: something else is at %#lx\n", (unsigned long)place->offset);
        exit(4);
    }
    return base + place->offset;
}

/* The same, to be written. */
static char *opened(const struct place *place) {
    char *at = found(place), *page = (char *)((uintptr_t)at & ~(uintptr_t)(PAGE - 1));
    if (mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        perror("clickhouse-replica: mprotect");
        exit(4);
    }
    return at;
}

/* libc++'s std::string with the alternate layout: up to 22 bytes in place, their number in the last. */
struct text { char bytes[24]; };

static struct text text(const char *of) {
    struct text text = {{0}};
    size_t size = strlen(of);
    memcpy(text.bytes, of, size < 22 ? size : 22);
    text.bytes[23] = (char)(size < 22 ? size : 22);
    return text;
}

/* libc++'s std::shared_ptr, which is passed in registers. */
struct shared_pointer { void *object, *counts; };

/* What a server does while it starts. */
static void start_as_a_server(void *server) {
    struct shared_pointer (*context_of)(void *) = (*(struct shared_pointer (***)(void *))server)[CONTEXT_OF];
    struct shared_pointer context = context_of(server);
    char *shared = *(char **)context.object;
    *(struct text *)(shared + ADDRESS_AT) = text(address);
    memcpy(shared + PORT_AT, &port, sizeof port);
    *(struct text *)(shared + SCHEME_AT) = text("http");

    void (*make_worker)(void *, int, const struct text *, const struct text *, struct shared_pointer, void *, const struct text *, const struct text *, const struct text *, void *, void *);
    void (*start_worker)(void *);
    *(void **)&make_worker = found(&MAKE_WORKER);
    *(void **)&start_worker = found(&START_WORKER);
    void *worker = calloc(1, WORKER_SIZE);
    struct text queue = text("/ddl"), replicas = text("/ddl-replicas"), none = text(""), keeper = text("default"), logger = text("DDLWorker");
    make_worker(worker, 1, &queue, &replicas, context, NULL, &none, &keeper, &logger, NULL, NULL);
    *(void **)(shared + WORKER_AT) = worker;
    start_worker(worker);

    char *(*catalogue)(void);
    *(void **)&catalogue = found(&CATALOGUE);
    catalogue()[ENABLED_AT] = 1;
}

static struct shared_pointer (*factory)(void *, void *, void *, const void *, void *);

/* Called once for each `listen_host`. */
static struct shared_pointer factory_of_a_listener(void *server, void *config, void *metrics, const void *name, void *more) {
    static const char PARTS[] = "InterserverIOHTTPHandler-factory";
    static int listeners;
    const struct { const char *data; uint64_t size, capacity; } parts = {PARTS, sizeof PARTS - 1, 1ULL << 63 | 40};
    if (++listeners == 1) start_as_a_server(server);
    return factory(server, config, metrics, listeners == 2 ? (const void *)&parts : name, more);
}

/* mov rax, to; jmp rax */
static void jump(char *at, void *to) {
    static const unsigned char MOV[] = {0x48, 0xb8}, JMP[] = {0xff, 0xe0};
    memcpy(at, MOV, sizeof MOV);
    memcpy(at + 2, &to, sizeof to);
    memcpy(at + 10, JMP, sizeof JMP);
}

/* The distance that an instruction which ends there has to a target. */
static void point(char *end, const char *target) {
    int32_t distance = (int32_t)(target - end);
    memcpy(end - sizeof distance, &distance, sizeof distance);
}

/* A page that instructions of the library reach: within 2 GiB before it. */
static char *page_near(void) {
    for (char *hint = base - 0x100000; hint > base - 0x40000000; hint -= 0x100000) {
        void *page = mmap(hint, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (page != MAP_FAILED) return page;
    }
    fprintf(stderr, "clickhouse-replica: no memory is free near the library\n");
    exit(4);
}

static void make_a_replica(void *library) {
    struct link_map *map;
    if (dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) {
        fprintf(stderr, "%s\n", dlerror());
        exit(3);
    }
    base = (char *)map->l_addr;
    found(&ADDRESS_OF);
    found(&WORKER_OF);
    found(&IS_ENABLED);
    char *page = page_near();
    jump(page, factory_of_a_listener);
    *(void **)&factory = base + FACTORY;
    point(opened(&FACTORY_CALL) + 5, page);
    static const unsigned char LEA_RAX[] = {0x48, 0x8d, 0x05};
    char *credentials = opened(&CREDENTIALS);
    memcpy(credentials, LEA_RAX, sizeof LEA_RAX);
    point(credentials + 7, page + NO_CREDENTIALS);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: clickhouse-replica LIBRARY ADDRESS PORT ARGUMENT...\n");
        return 2;
    }
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    void *(*query_stable_v2)(int, char **) = NULL;
    if (library) *(void **)&query_stable_v2 = dlsym(library, "query_stable_v2");
    if (!query_stable_v2) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    address = argv[2];
    port = (uint16_t)atoi(argv[3]);
    make_a_replica(library);
    argv[3] = "clickhouse";
    query_stable_v2(argc - 3, argv + 3);
    return 1; /* A server's query never ends. */
}
