/* The yardstick: receives MESSAGES at QoS 0 or 1 with libmosquitto and throws them away.
 * subscriber PORT MESSAGES QOS CLIENT_ID
 * Prints "ready", then: messages, seconds from the first to the last, CPU seconds of the process. */
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static long wanted, seen;
static double first, last;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void on_connect(struct mosquitto *m, void *data, int code) {
    if (code) { fprintf(stderr, "subscriber: connection refused: %d\n", code); exit(1); }
    mosquitto_subscribe(m, NULL, "steward/v1/+/telemetry", *(int *)data);
}

static void on_subscribe(struct mosquitto *m, void *data, int id, int count, const int *granted) {
    (void)m; (void)id; (void)count;
    if (granted[0] != *(int *)data) { fprintf(stderr, "subscriber: granted %d\n", granted[0]); exit(1); }
    printf("ready\n");
    fflush(stdout);
}

static void on_message(struct mosquitto *m, void *data, const struct mosquitto_message *message) {
    (void)data; (void)message;
    if (!seen++) first = now();
    if (seen == wanted) { last = now(); mosquitto_disconnect(m); }
}

int main(int argc, char **argv) {
    if (argc < 5) { fprintf(stderr, "subscriber PORT MESSAGES QOS CLIENT_ID\n"); return 2; }
    wanted = atol(argv[2]);
    int qos = atoi(argv[3]);
    mosquitto_lib_init();
    struct mosquitto *m = mosquitto_new(argv[4], false, &qos);
    mosquitto_connect_callback_set(m, on_connect);
    mosquitto_subscribe_callback_set(m, on_subscribe);
    mosquitto_message_callback_set(m, on_message);
    if (mosquitto_connect(m, "127.0.0.1", atoi(argv[1]), 60)) { fprintf(stderr, "subscriber: no connection\n"); return 1; }
    mosquitto_loop_forever(m, -1, 1);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double cpu = use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
    printf("%ld %.6f %.6f\n", seen, last - first, cpu);
    return seen == wanted ? 0 : 1;
}
