/* Runs ClickHouse out of libchdb.so: clickhouse-host LIBRARY ARGUMENT...
 *
 * query_stable_v2 is clickhouse-local's main function; it returns when its query ends. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: clickhouse-host LIBRARY ARGUMENT...\n");
        return 2;
    }
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    void *(*query_stable_v2)(int, char **);
    *(void **)&query_stable_v2 = dlsym(library, "query_stable_v2");
    if (!query_stable_v2) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    argv[1] = "clickhouse";
    query_stable_v2(argc - 1, argv + 1);
    return 1; /* A server's query never ends. */
}
