/* Stands in for libedgetpu where our handling of its failures is tested. It computes nothing: networks run on the CPU
 * beside it. Names and types are those of edgetpu_c.h and of TensorFlow Lite's external delegates. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct edgetpu_device {
  int type;
  const char *path;
};

static struct edgetpu_device devices[] = {
    {1, "/sys/bus/usb/devices/2-1"}, {0, "/dev/apex_0"}, {9, "simulated"}, {1, "/sys/bus/usb/devices/2-2"}};

const char *edgetpu_version(void) { return "BuildLabel(COMPILER=stand-in), RuntimeVersion(14)"; }

/* As libedgetpu lists sticks whose firmware is loaded after the others, so this one turns its list round. */
struct edgetpu_device *edgetpu_list_devices(size_t *count) {
  static struct edgetpu_device turned[sizeof devices / sizeof *devices];
  const char *sees = getenv("STAND_IN_SEES");
  if (getenv("STAND_IN_ABORTS")) abort();
  *count = sees ? strtoul(sees, NULL, 10) : sizeof devices / sizeof *devices;
  for (size_t i = 0; i < *count; i++) turned[i] = devices[getenv("STAND_IN_TURNS") ? *count - 1 - i : i];
  return *count ? turned : NULL;
}

void edgetpu_free_devices(struct edgetpu_device *list) { (void)list; }

struct delegate {
  void *data;
  int (*prepare)(void *context, struct delegate *);
  int (*copy_from)(void *, struct delegate *, int, void *);
  int (*copy_to)(void *, struct delegate *, int, void *);
  void (*free_buffer)(void *, struct delegate *, int *);
  long flags;
  void *opaque;
};

static int claim_nothing(void *context, struct delegate *delegate) {
  (void)context, (void)delegate;
  if (getenv("STAND_IN_CRASHES")) abort();
  return 0;
}

/* As libedgetpu, it refuses without a reason. */
void *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  const char *refused = getenv("STAND_IN_REFUSES");
  (void)report;
  if (count != 1 || strcmp(keys[0], "device") || (refused && strstr(refused, values[0]))) return NULL;
  struct delegate *delegate = calloc(1, sizeof *delegate);
  delegate->prepare = claim_nothing;
  return delegate;
}

void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }
