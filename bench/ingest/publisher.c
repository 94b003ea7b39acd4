/* Publishes QoS 0 or 1 telemetry as fast as the broker takes it, with libmosquitto, so that the load is never the limit.
 * publisher PORT MESSAGES DEVICES FIRST_AT_NS QOS WINDOW [RATE]
 * Message i is of device i mod DEVICES, at FIRST_AT_NS + i ms, with four values. Prints the seconds it took. */
#include <mosquitto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static long published;
static int connected;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void on_connect(struct mosquitto *m, void *data, int code) {
    (void)m; (void)data;
    if (code) { fprintf(stderr, "publisher: connection refused: %d\n", code); exit(1); }
    pthread_mutex_lock(&lock);
    connected = 1;
    pthread_cond_signal(&change);
    pthread_mutex_unlock(&lock);
}

static void on_disconnect(struct mosquitto *m, void *data, int code) {
    (void)m; (void)data;
    if (code) fprintf(stderr, "publisher: disconnected: %d\n", code);
}

static void on_publish(struct mosquitto *m, void *data, int id) {
    (void)m; (void)data; (void)id;
    pthread_mutex_lock(&lock);
    published++;
    pthread_cond_signal(&change);
    pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv) {
    if (argc < 7) { fprintf(stderr, "publisher PORT MESSAGES DEVICES FIRST_AT_NS QOS WINDOW [RATE]\n"); return 2; }
    long messages = atol(argv[2]), devices = atol(argv[3]), window = atol(argv[6]);
    long long first = atoll(argv[4]);
    int qos = atoi(argv[5]);
    double rate = argc > 7 ? atof(argv[7]) : 0;
    mosquitto_lib_init();
    struct mosquitto *m = mosquitto_new(NULL, true, NULL);
    mosquitto_connect_callback_set(m, on_connect);
    mosquitto_disconnect_callback_set(m, on_disconnect);
    mosquitto_publish_callback_set(m, on_publish);
    mosquitto_max_inflight_messages_set(m, 0);
    if (mosquitto_connect(m, "127.0.0.1", atoi(argv[1]), 60)) { fprintf(stderr, "publisher: no connection\n"); return 1; }
    mosquitto_loop_start(m);
    pthread_mutex_lock(&lock);
    while (!connected) pthread_cond_wait(&change, &lock);
    pthread_mutex_unlock(&lock);
    double began = now();
    char topic[64], payload[256];
    for (long i = 0; i < messages; i++) {
        long long at = first + i * 1000000LL;
        long device = i % devices;
        snprintf(topic, sizeof topic, "steward/v1/d%ld/telemetry", device);
        int size = snprintf(payload, sizeof payload,
                            "{\"at\":%lld,\"values\":{\"power\":%.1f,\"voltage\":%.1f,\"current\":%.3f,\"frequency\":%.2f}}",
                            at, 1000 + i % 977 * 0.5, 220 + i % 100 * 0.1, 1 + i % 31 * 0.125, 49.5 + i % 100 * 0.01);
        pthread_mutex_lock(&lock);
        while (i - published >= window) pthread_cond_wait(&change, &lock);
        pthread_mutex_unlock(&lock);
        int rc;
        while ((rc = mosquitto_publish(m, NULL, topic, size, payload, qos, false)) == MOSQ_ERR_NO_CONN) {
            struct timespec pause = {0, 20000000};
            nanosleep(&pause, NULL);
        }
        if (rc) { fprintf(stderr, "publisher: %s\n", mosquitto_strerror(rc)); return 1; }
        if (rate > 0) {
            double ahead = i / rate - (now() - began);
            if (ahead > 0.001) {
                struct timespec pause = {(time_t)ahead, (long)((ahead - (time_t)ahead) * 1e9)};
                nanosleep(&pause, NULL);
            }
        }
    }
    pthread_mutex_lock(&lock);
    while (published < messages) pthread_cond_wait(&change, &lock);
    pthread_mutex_unlock(&lock);
    printf("%.6f\n", now() - began);
    mosquitto_disconnect(m);
    mosquitto_loop_stop(m, false);
    return 0;
}
