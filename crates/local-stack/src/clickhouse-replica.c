/* Runs ClickHouse out of libchdb.so as a replica:
 * clickhouse-replica LIBRARY ADDRESS PORT ARGUMENT...
 *
 * The library has all of ReplicatedMergeTree. clickhouse-local, which is the part of it that can be
 * started, leaves four things out without which no table comes out of read-only mode: where other
 * replicas find it, by which scheme, with which credentials, and a listener that hands out parts. They
 * are put in here, in the memory of this process; nothing else of the library is changed. ADDRESS and
 * PORT are its second HTTP listener (`listen_host`), which becomes the one for parts.
 *
 * The places are those of version 26.7.3-stable.1. Each is compared with the instructions that must
 * stand there, and this program ends if it finds others: then they have to be found anew. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Context::getInterserverIOAddress: the function that refers to the text "Parameter
 * 'interserver_http(s)_port' required for replication …". */
#define ADDRESS_OF 0x1417c9c0
static const unsigned char ADDRESS_CODE[] = {0x41, 0x56, 0x53, 0x48, 0x83, 0xec, 0x48, 0x4c, 0x8b, 0x36, 0x49, 0x0f};
/* Where it has the scheme, behind host and port, in what a Context shares. */
#define SCHEME_AT 0x170
/* clickhouse-local's call of createHandlerFactory, just behind its use of the text
 * "HTTPHandler-factory"; and that function. */
#define FACTORY_CALL 0x0f117ff6
#define FACTORY 0x18395cc0
static const unsigned char FACTORY_CODE[] = {0xe8, 0xc5, 0xdc, 0x27, 0x09};
/* In the function that fetches a part: credentials, read from what it has captured. */
#define CREDENTIALS 0x179c6000
static const unsigned char CREDENTIALS_CODE[] = {0x48, 0x8b, 0x83, 0xc0, 0x00, 0x00, 0x00};

#define PAGE 4096
#define NO_CREDENTIALS 2048 /* zeros within the page of ours: two empty texts */

static const char *address;
static uint16_t port;

/* libc++'s std::string with the alternate layout: up to 22 bytes in place, their number in the last. */
static void set_text(char *string, const char *text) {
    memset(string, 0, 24);
    strncpy(string, text, 22);
    string[23] = (char)strlen(string);
}

/* Returns pair<String, UInt16> where it is told to. */
static void *interserver_address(char *result, void *context) {
    char *scheme = *(char **)context + SCHEME_AT;
    if (scheme[23] == 0) set_text(scheme, "http");
    set_text(result, address);
    memcpy(result + 24, &port, sizeof port);
    return result;
}

struct shared_pointer { void *object, *counts; };
static struct shared_pointer (*factory)(void *, void *, void *, const void *, void *);

/* Called once for each `listen_host`. */
static struct shared_pointer factory_of_a_listener(void *server, void *config, void *metrics, const void *name, void *more) {
    static const char PARTS[] = "InterserverIOHTTPHandler-factory";
    static int listeners;
    const struct { const char *data; uint64_t size, capacity; } parts = {PARTS, sizeof PARTS - 1, 1ULL << 63 | 40};
    return factory(server, config, metrics, listeners++ == 1 ? (const void *)&parts : name, more);
}

/* The code at an offset, writable, if it is what must stand there. */
static char *code(char *base, uintptr_t offset, const unsigned char *expected, size_t size) {
    char *at = base + offset;
    if (memcmp(at, expected, size) != 0) {
        fprintf(stderr, "clickhouse-replica: another libchdb.so than expected: at %#lx stands something else\n", (unsigned long)offset);
        exit(4);
    }
    char *page = (char *)((uintptr_t)at & ~(uintptr_t)(PAGE - 1));
    if (mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        perror("clickhouse-replica: mprotect");
        exit(4);
    }
    return at;
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
static char *page_near(char *base) {
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
    char *base = (char *)map->l_addr, *page = page_near(base);
    jump(code(base, ADDRESS_OF, ADDRESS_CODE, sizeof ADDRESS_CODE), interserver_address);
    *(void **)&factory = base + FACTORY;
    jump(page, factory_of_a_listener);
    point(code(base, FACTORY_CALL, FACTORY_CODE, sizeof FACTORY_CODE) + 5, page);
    static const unsigned char LEA_RAX[] = {0x48, 0x8d, 0x05};
    char *credentials = code(base, CREDENTIALS, CREDENTIALS_CODE, sizeof CREDENTIALS_CODE);
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
