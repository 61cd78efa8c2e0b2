/*
 * A file system that forgets at a power cut. `forgetful BACKING MOUNTPOINT [SEED]` mounts it over FUSE (the kernel's own protocol, no
 * library) until it is unmounted or this process ends. What is written goes to the folder BACKING at once, and can be read back at once; beside it this
 * process keeps what stood there before, until the file is synced. SIGUSR1 takes everything back that was not synced. SIGUSR2 takes each
 * write back or leaves it, by chance: a disk writes its cache in any order. Either is to be sent when nothing uses the mount, and answered by
 * a line on standard output: "forgot BYTES bytes of WRITES writes".
 *
 * Data is forgotten, names are not: a file that was made, renamed or removed stays so, as on a journaling file system that has written
 * its journal; an unsynced file then has a name and no content. A sync itself only drops what is kept here: nothing waits for a disk.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define WRITE_BYTES_MAX (1 << 20)
#define REQUEST_BYTES_MAX (WRITE_BYTES_MAX + 4096)

/* What a write replaced: `kept` bytes at `offset`, in a file of `size` bytes. `written` bytes were written there. */
struct undo {
  struct undo *older;
  uint64_t offset, written, size;
  uint64_t kept;
  int truncation;
  char old[];
};

/* A file or folder that the kernel knows, or that holds something to take back. */
struct node {
  struct node *next;
  dev_t device;
  ino_t number;
  int path; /* O_PATH descriptor */
  uint64_t lookups;
  struct undo *newest;
};

/* Descriptors through which a durable write went: the kernel has it followed by a sync, which is for that write alone. */
#define FILES_MAX 65536
static char sync_is_due[FILES_MAX];

static struct node root = {.path = -1, .lookups = 1};
static struct node *nodes;
static int fuse = -1;
static volatile sig_atomic_t cut;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* ---- nodes ---- */

static struct node *node_of(uint64_t id) { return id == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)id; }
static uint64_t id_of(struct node *node) { return node == &root ? FUSE_ROOT_ID : (uint64_t)(uintptr_t)node; }

static const char *proc_path(int descriptor) {
  static char text[2][40];
  static int turn;
  turn = !turn;
  snprintf(text[turn], sizeof text[turn], "/proc/self/fd/%d", descriptor);
  return text[turn];
}

static struct node *look_up(struct node *parent, const char *name, struct stat *stat) {
  int path = openat(parent->path, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (path < 0 || fstatat(path, "", stat, AT_EMPTY_PATH) < 0) {
    if (path >= 0) close(path);
    return NULL;
  }
  for (struct node *node = nodes; node != NULL; node = node->next) {
    if (node->number != stat->st_ino || node->device != stat->st_dev) continue;
    close(path);
    node->lookups++;
    return node;
  }
  struct node *node = calloc(1, sizeof *node);
  node->device = stat->st_dev;
  node->number = stat->st_ino;
  node->path = path;
  node->lookups = 1;
  node->next = nodes;
  nodes = node;
  return node;
}

static void drop_undos(struct node *node) {
  while (node->newest != NULL) {
    struct undo *undo = node->newest;
    node->newest = undo->older;
    free(undo);
  }
}

static void forget(struct node *node, uint64_t lookups) {
  if (node == &root) return;
  node->lookups -= lookups < node->lookups ? lookups : node->lookups;
  struct stat stat;
  if (fstatat(node->path, "", &stat, AT_EMPTY_PATH) == 0 && stat.st_nlink == 0) drop_undos(node);
  if (node->lookups > 0 || node->newest != NULL) return;
  for (struct node **link = &nodes; *link != NULL; link = &(*link)->next) {
    if (*link != node) continue;
    *link = node->next;
    break;
  }
  close(node->path);
  free(node);
}

/* ---- what is not synced ---- */

static void keep(struct node *node, int file, uint64_t offset, uint64_t written, int truncation) {
  struct stat stat;
  if (fstat(file, &stat) < 0) fail("fstat");
  uint64_t size = stat.st_size;
  uint64_t end = offset + written < size ? offset + written : size;
  uint64_t kept = end > offset ? end - offset : 0;
  struct undo *undo = malloc(sizeof *undo + kept);
  if (undo == NULL) fail("malloc");
  *undo = (struct undo){.older = node->newest, .offset = offset, .written = written, .size = size, .kept = kept, .truncation = truncation};
  if (kept > 0 && pread(file, undo->old, kept, offset) != (ssize_t)kept) fail("pread");
  node->newest = undo;
}

/* A write through O_DSYNC is durable, whatever was written there before it and is not. */
static void settle_range(struct node *node, uint64_t offset, uint64_t length, const char *bytes) {
  for (struct undo *undo = node->newest; undo != NULL; undo = undo->older) {
    uint64_t from = offset > undo->offset ? offset : undo->offset;
    uint64_t to = offset + length < undo->offset + undo->kept ? offset + length : undo->offset + undo->kept;
    if (from < to) memcpy(undo->old + (from - undo->offset), bytes + (from - offset), to - from);
    if (undo->size < offset + length) undo->size = offset + length;
  }
}

static void take_back(struct node *node, int some, uint64_t *bytes, uint64_t *writes) {
  if (node->newest == NULL) return;
  int file = open(proc_path(node->path), O_RDWR | O_CLOEXEC);
  if (file < 0) fail("open");
  struct undo *survivors = NULL;
  while (node->newest != NULL) {
    struct undo *undo = node->newest;
    node->newest = undo->older;
    struct undo *again = NULL;
    if (some && !undo->truncation && rand() % 2 == 0) {
      again = malloc(sizeof *again + undo->written);
      *again = (struct undo){.older = survivors, .offset = undo->offset, .written = undo->written};
      ssize_t got = pread(file, again->old, undo->written, undo->offset);
      again->written = got < 0 ? 0 : got;
      survivors = again;
    } else {
      *bytes += undo->truncation ? undo->kept : undo->written;
      (*writes)++;
    }
    if (undo->kept > 0 && pwrite(file, undo->old, undo->kept, undo->offset) != (ssize_t)undo->kept) fail("pwrite");
    if (ftruncate(file, undo->size) < 0) fail("ftruncate");
    free(undo);
  }
  while (survivors != NULL) {
    struct undo *again = survivors;
    survivors = again->older;
    if (pwrite(file, again->old, again->written, again->offset) != (ssize_t)again->written) fail("pwrite");
    free(again);
  }
  close(file);
}

static void power_cut(int some) {
  uint64_t bytes = 0, writes = 0;
  for (struct node *node = nodes; node != NULL; node = node->next) take_back(node, some, &bytes, &writes);
  printf("forgot %llu bytes of %llu writes\n", (unsigned long long)bytes, (unsigned long long)writes);
  fflush(stdout);
}

/* ---- answers ---- */

static void answer(const struct fuse_in_header *in, int error, const void *bytes, size_t length) {
  struct fuse_out_header out = {.len = sizeof out + (error ? 0 : length), .error = -error, .unique = in->unique};
  struct iovec parts[2] = {{&out, sizeof out}, {(void *)bytes, error ? 0 : length}};
  /* ENOENT: the kernel has given the request up meanwhile. */
  if (writev(fuse, parts, 2) < 0 && errno != ENOENT) fail("answer");
}

static void answer_done(const struct fuse_in_header *in, int result) { answer(in, result < 0 ? errno : 0, NULL, 0); }

static struct fuse_attr attr_of(const struct stat *stat) {
  return (struct fuse_attr){
      .ino = stat->st_ino,
      .size = stat->st_size,
      .blocks = stat->st_blocks,
      .atime = stat->st_atim.tv_sec,
      .mtime = stat->st_mtim.tv_sec,
      .ctime = stat->st_ctim.tv_sec,
      .atimensec = stat->st_atim.tv_nsec,
      .mtimensec = stat->st_mtim.tv_nsec,
      .ctimensec = stat->st_ctim.tv_nsec,
      .mode = stat->st_mode,
      .nlink = stat->st_nlink,
      .uid = stat->st_uid,
      .gid = stat->st_gid,
      .rdev = stat->st_rdev,
      .blksize = stat->st_blksize,
  };
}

/* Nothing is believed for longer than this answer: after a power cut all is asked anew. */
static int entry_of(struct node *parent, const char *name, struct fuse_entry_out *out) {
  struct stat stat;
  struct node *node = look_up(parent, name, &stat);
  if (node == NULL) return errno;
  *out = (struct fuse_entry_out){.nodeid = id_of(node), .attr = attr_of(&stat)};
  return 0;
}

static void answer_entry(const struct fuse_in_header *in, struct node *parent, const char *name) {
  struct fuse_entry_out out;
  int error = entry_of(parent, name, &out);
  answer(in, error, &out, sizeof out);
}

static void answer_attr(const struct fuse_in_header *in, struct node *node) {
  struct stat stat;
  if (fstatat(node->path, "", &stat, AT_EMPTY_PATH) < 0) return answer(in, errno, NULL, 0);
  struct fuse_attr_out out = {.attr = attr_of(&stat)};
  answer(in, 0, &out, sizeof out);
}

/* ---- requests ---- */

static void set_attr(const struct fuse_in_header *in, struct node *node, const struct fuse_setattr_in *set) {
  if (set->valid & FATTR_SIZE) {
    int file = open(proc_path(node->path), O_RDWR | O_CLOEXEC);
    if (file < 0) return answer(in, errno, NULL, 0);
    keep(node, file, set->size, UINT64_MAX - set->size, 1);
    int error = ftruncate(file, set->size) < 0 ? errno : 0;
    close(file);
    if (error != 0) return answer(in, error, NULL, 0);
  }
  if (set->valid & FATTR_MODE && chmod(proc_path(node->path), set->mode) < 0) return answer(in, errno, NULL, 0);
  if (set->valid & (FATTR_ATIME | FATTR_MTIME)) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    if (set->valid & FATTR_ATIME) times[0] = (struct timespec){set->atime, set->atimensec};
    if (set->valid & FATTR_MTIME) times[1] = (struct timespec){set->mtime, set->mtimensec};
    if (set->valid & FATTR_ATIME_NOW) times[0].tv_nsec = UTIME_NOW;
    if (set->valid & FATTR_MTIME_NOW) times[1].tv_nsec = UTIME_NOW;
    if (utimensat(AT_FDCWD, proc_path(node->path), times, 0) < 0) return answer(in, errno, NULL, 0);
  }
  answer_attr(in, node);
}

/* For reading too, whatever is asked: what a write replaces is read first. */
static int real_flags(uint32_t flags) { return (flags & ~(O_ACCMODE | O_APPEND | O_EXCL | O_CREAT | O_TRUNC | O_SYNC | O_DSYNC | O_DIRECT)) | O_RDWR | O_CLOEXEC; }

static void open_file(const struct fuse_in_header *in, struct node *node, uint32_t flags) {
  int file = open(proc_path(node->path), real_flags(flags) & ~O_NOFOLLOW);
  struct fuse_open_out out = {.fh = file};
  answer(in, file < 0 ? errno : 0, &out, sizeof out);
}

static void create_file(const struct fuse_in_header *in, struct node *parent, const struct fuse_create_in *create) {
  const char *name = (const char *)(create + 1);
  int file = openat(parent->path, name, real_flags(create->flags) | O_CREAT | (create->flags & O_EXCL), create->mode);
  if (file < 0) return answer(in, errno, NULL, 0);
  struct {
    struct fuse_entry_out entry;
    struct fuse_open_out open;
  } out = {.open.fh = file};
  int error = entry_of(parent, name, &out.entry);
  if (error != 0) close(file);
  answer(in, error, &out, sizeof out);
}

static void read_file(const struct fuse_in_header *in, const struct fuse_read_in *read) {
  static char bytes[WRITE_BYTES_MAX];
  size_t size = read->size < sizeof bytes ? read->size : sizeof bytes;
  ssize_t got = pread(read->fh, bytes, size, read->offset);
  answer(in, got < 0 ? errno : 0, bytes, got < 0 ? 0 : got);
}

static void write_file(const struct fuse_in_header *in, struct node *node, const struct fuse_write_in *write) {
  const char *bytes = (const char *)(write + 1);
  int durable = (write->flags & O_DSYNC) != 0;
  if (!durable) keep(node, write->fh, write->offset, write->size, 0);
  ssize_t put = pwrite(write->fh, bytes, write->size, write->offset);
  int error = put < 0 ? errno : 0;
  if (durable && put > 0) settle_range(node, write->offset, put, bytes);
  if (durable && write->fh < FILES_MAX) sync_is_due[write->fh] = 1;
  struct fuse_write_out out = {.size = put < 0 ? 0 : put};
  answer(in, error, &out, sizeof out);
}

static void allocate(const struct fuse_in_header *in, struct node *node, const struct fuse_fallocate_in *allocate) {
  keep(node, allocate->fh, allocate->offset, allocate->length, 0);
  answer_done(in, fallocate(allocate->fh, allocate->mode, allocate->offset, allocate->length));
}

static void sync_file(const struct fuse_in_header *in, struct node *node, const struct fuse_fsync_in *sync) {
  int due = sync->fh < FILES_MAX && sync_is_due[sync->fh];
  if (due) sync_is_due[sync->fh] = 0;
  else drop_undos(node);
  answer(in, 0, NULL, 0);
}

static void release_file(const struct fuse_in_header *in, const struct fuse_release_in *release) {
  if (release->fh < FILES_MAX) sync_is_due[release->fh] = 0;
  answer_done(in, close(release->fh));
}

static void open_folder(const struct fuse_in_header *in, struct node *node) {
  DIR *folder = opendir(proc_path(node->path));
  struct fuse_open_out out = {.fh = (uint64_t)(uintptr_t)folder};
  answer(in, folder == NULL ? errno : 0, &out, sizeof out);
}

static void read_folder(const struct fuse_in_header *in, const struct fuse_read_in *read) {
  static char bytes[1 << 16];
  DIR *folder = (DIR *)(uintptr_t)read->fh;
  size_t most = read->size < sizeof bytes ? read->size : sizeof bytes;
  size_t used = 0;
  seekdir(folder, read->offset);
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    size_t length = strlen(entry->d_name);
    size_t whole = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
    if (used + whole > most) break;
    struct fuse_dirent *out = (struct fuse_dirent *)(bytes + used);
    memset(out, 0, whole);
    *out = (struct fuse_dirent){.ino = entry->d_ino, .off = telldir(folder), .namelen = length, .type = entry->d_type};
    memcpy(out->name, entry->d_name, length);
    used += whole;
  }
  answer(in, 0, bytes, used);
}

static void tell_room(const struct fuse_in_header *in) {
  struct statvfs room;
  if (fstatvfs(root.path, &room) < 0) return answer(in, errno, NULL, 0);
  struct fuse_statfs_out out = {.st = {.blocks = room.f_blocks, .bfree = room.f_bfree, .bavail = room.f_bavail, .files = room.f_files,
                                       .ffree = room.f_ffree, .bsize = room.f_bsize, .frsize = room.f_frsize, .namelen = room.f_namemax}};
  answer(in, 0, &out, sizeof out);
}

static void agree(const struct fuse_in_header *in, const struct fuse_init_in *init) {
  struct fuse_init_out out = {
      .major = FUSE_KERNEL_VERSION,
      .minor = init->minor < FUSE_KERNEL_MINOR_VERSION ? init->minor : FUSE_KERNEL_MINOR_VERSION,
      .max_readahead = init->max_readahead,
      .flags = init->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS),
      .max_background = 32,
      .congestion_threshold = 24,
      .max_write = WRITE_BYTES_MAX,
      .time_gran = 1,
      .max_pages = WRITE_BYTES_MAX / 4096,
  };
  answer(in, 0, &out, sizeof out);
}

static void rename_entry(const struct fuse_in_header *in, struct node *from, uint64_t to, uint32_t flags, const char *names) {
  answer_done(in, renameat2(from->path, names, node_of(to)->path, names + strlen(names) + 1, flags));
}

static void serve(const struct fuse_in_header *in, void *body) {
  struct node *node = in->nodeid == 0 ? NULL : node_of(in->nodeid);
  switch (in->opcode) {
    case FUSE_INIT: return agree(in, body);
    case FUSE_LOOKUP: return answer_entry(in, node, body);
    case FUSE_FORGET: return forget(node, ((struct fuse_forget_in *)body)->nlookup);
    case FUSE_BATCH_FORGET: {
      struct fuse_batch_forget_in *batch = body;
      struct fuse_forget_one *one = (struct fuse_forget_one *)(batch + 1);
      for (uint32_t i = 0; i < batch->count; i++) forget(node_of(one[i].nodeid), one[i].nlookup);
      return;
    }
    case FUSE_GETATTR: return answer_attr(in, node);
    case FUSE_SETATTR: return set_attr(in, node, body);
    case FUSE_MKNOD: {
      struct fuse_mknod_in *make = body;
      const char *name = (const char *)(make + 1);
      if (mknodat(node->path, name, make->mode, make->rdev) < 0) return answer(in, errno, NULL, 0);
      return answer_entry(in, node, name);
    }
    case FUSE_MKDIR: {
      struct fuse_mkdir_in *make = body;
      const char *name = (const char *)(make + 1);
      if (mkdirat(node->path, name, make->mode) < 0) return answer(in, errno, NULL, 0);
      return answer_entry(in, node, name);
    }
    case FUSE_UNLINK: return answer_done(in, unlinkat(node->path, body, 0));
    case FUSE_RMDIR: return answer_done(in, unlinkat(node->path, body, AT_REMOVEDIR));
    case FUSE_RENAME: return rename_entry(in, node, ((struct fuse_rename_in *)body)->newdir, 0, (char *)body + sizeof(struct fuse_rename_in));
    case FUSE_RENAME2: {
      struct fuse_rename2_in *rename = body;
      return rename_entry(in, node, rename->newdir, rename->flags, (char *)(rename + 1));
    }
    case FUSE_OPEN: return open_file(in, node, ((struct fuse_open_in *)body)->flags);
    case FUSE_CREATE: return create_file(in, node, body);
    case FUSE_READ: return read_file(in, body);
    case FUSE_WRITE: return write_file(in, node, body);
    case FUSE_FALLOCATE: return allocate(in, node, body);
    case FUSE_RELEASE: return release_file(in, body);
    case FUSE_FSYNC: return sync_file(in, node, body);
    case FUSE_FLUSH: case FUSE_FSYNCDIR: return answer(in, 0, NULL, 0);
    case FUSE_OPENDIR: return open_folder(in, node);
    case FUSE_READDIR: return read_folder(in, body);
    case FUSE_RELEASEDIR: return answer_done(in, closedir((DIR *)(uintptr_t)((struct fuse_release_in *)body)->fh));
    case FUSE_STATFS: return tell_room(in);
    case FUSE_INTERRUPT: return;
    default: return answer(in, ENOSYS, NULL, 0);
  }
}

static void on_signal(int signal) { cut = signal; }

int main(int count, char **words) {
  if (count < 3) {
    fprintf(stderr, "forgetful BACKING MOUNTPOINT [SEED]\n");
    return 2;
  }
  srand(count > 3 ? strtoul(words[3], NULL, 10) : 1);
  umask(0);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  root.path = open(words[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
  fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (root.path < 0 || fuse < 0) fail(root.path < 0 ? words[1] : "/dev/fuse");
  char options[100];
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
  if (mount("forgetful", words[2], "fuse", MS_NOSUID | MS_NODEV, options) < 0) fail("mount");
  /* No SA_RESTART: a signal ends the wait for a request. */
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  printf("mounted\n");
  fflush(stdout);
  static char request[REQUEST_BYTES_MAX];
  for (;;) {
    ssize_t got = read(fuse, request, sizeof request);
    if (cut != 0) {
      int some = cut == SIGUSR2;
      cut = 0;
      power_cut(some);
    }
    if (got >= 0) serve((struct fuse_in_header *)request, request + sizeof(struct fuse_in_header));
    else if (errno == ENODEV) return 0;
    else if (errno != EINTR && errno != ENOENT && errno != EAGAIN) fail("read");
  }
}
