/* A token without a token: a shared library that answers as GM/T 0016 says, for
 * tests. What it holds lies in a directory beside the library, named like it with
 * ".d" at the end:
 *
 *   present       plugged in while this file is there
 *   pin           the PIN
 *   left          wrong PINs that it takes still, in decimal
 *   sign.key, encrypt.key   private keys, 32 bytes
 *   sign.cer, encrypt.cer   certificates, DER
 *   mode          misbehaviour on demand: a function's name and one of "hang", "crash",
 *                 "remove" or a return value in hex, such as "SKF_ECCSignData crash"
 *
 * One device, one application, one container. Arithmetic is slow and plain. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef _WIN32
#include <windows.h>
#include <ntsecapi.h>
#define API __declspec(dllexport) ULONG WINAPI
#else
#include <dlfcn.h>
typedef uint32_t ULONG;
typedef int32_t BOOL;
typedef uint8_t BYTE;
typedef void *HANDLE;
#define API __attribute__((visibility("default"))) ULONG
#endif

enum {
  SAR_OK = 0, SAR_FAIL = 0x0A000001, SAR_INVALIDHANDLE = 0x0A000005, SAR_INVALIDPARAM = 0x0A000006,
  SAR_NAMELEN = 0x0A000009, SAR_KEYUSAGE = 0x0A00000A, SAR_INDATALEN = 0x0A000010, SAR_INDATA = 0x0A000011,
  SAR_KEYNOTFOUND = 0x0A00001B, SAR_CERTNOTFOUND = 0x0A00001C, SAR_BUFFER_TOO_SMALL = 0x0A000020,
  SAR_DEVICE_REMOVED = 0x0A000023, SAR_PIN_INCORRECT = 0x0A000024, SAR_PIN_LOCKED = 0x0A000025,
  SAR_PIN_LEN_RANGE = 0x0A000027, SAR_USER_ALREADY_LOGGED_IN = 0x0A000028, SAR_USER_NOT_LOGGED_IN = 0x0A00002D,
  SAR_APPLICATION_NOT_EXISTS = 0x0A00002E,
};

/* ---- files ---- */

#ifdef _WIN32
static HMODULE library;

BOOL WINAPI DllMain(HINSTANCE me, DWORD reason, LPVOID reserved) {
  (void)reason; (void)reserved;
  library = me;
  return TRUE;
}

static int path(char *out, size_t n, const char *name) {
  char me[1024];
  DWORD got = GetModuleFileNameA(library, me, sizeof me);
  if (got == 0 || got == sizeof me) return 0;
  return snprintf(out, n, "%s.d\\%s", me, name) < (int)n;
}

static void hang(void) { for (;;) Sleep(1000); }

static int chance(BYTE *out, size_t n) { return RtlGenRandom(out, (ULONG)n); }
#else
static int path(char *out, size_t n, const char *name) {
  Dl_info me;
  if (!dladdr((void *)path, &me)) return 0;
  return snprintf(out, n, "%s.d/%s", me.dli_fname, name) < (int)n;
}

static void hang(void) { for (;;) sleep(1000); }

static int chance(BYTE *out, size_t n) {
  FILE *f = fopen("/dev/urandom", "rb");
  if (!f) return 0;
  size_t got = fread(out, 1, n, f);
  fclose(f);
  return got == n;
}
#endif

static long get(const char *name, BYTE *out, size_t n) {
  char at[4096];
  if (!path(at, sizeof at, name)) return -1;
  FILE *f = fopen(at, "rb");
  if (!f) return -1;
  long got = (long)fread(out, 1, n, f);
  fclose(f);
  return got;
}

static void put(const char *name, const char *text) {
  char at[4096];
  if (!path(at, sizeof at, name)) return;
  FILE *f = fopen(at, "wb");
  if (!f) return;
  fputs(text, f);
  fclose(f);
}

static int present(void) {
  char at[4096];
  return path(at, sizeof at, "present") && access(at, F_OK) == 0;
}

static void unplug(void) {
  char at[4096];
  if (path(at, sizeof at, "present")) unlink(at);
}

static int *volatile nowhere;

/* misbehave does what the mode says for this function. */
static ULONG misbehave(const char *function) {
  char mode[128] = {0}, name[64], what[32];
  if (get("mode", (BYTE *)mode, sizeof mode - 1) <= 0) return SAR_OK;
  if (sscanf(mode, "%63s %31s", name, what) != 2 || strcmp(name, function)) return SAR_OK;
  if (!strcmp(what, "hang")) hang();
  if (!strcmp(what, "crash")) *nowhere = 1;
  if (!strcmp(what, "remove")) { unplug(); return SAR_DEVICE_REMOVED; }
  return (ULONG)strtoul(what, NULL, 16);
}

#define BEGIN do { ULONG bad = misbehave(__func__); if (bad) return bad; } while (0)

/* ---- SM3 (GB/T 32905) ---- */

typedef struct { uint32_t v[8]; BYTE block[64]; uint64_t length; } sm3;

static uint32_t rol(uint32_t x, int n) { n &= 31; return n ? x << n | x >> (32 - n) : x; }

static void sm3_block(sm3 *s) {
  uint32_t w[68], r[8];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)s->block[4 * i] << 24 | s->block[4 * i + 1] << 16 | s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
  for (int i = 16; i < 68; i++) {
    uint32_t x = w[i - 16] ^ w[i - 9] ^ rol(w[i - 3], 15);
    w[i] = (x ^ rol(x, 15) ^ rol(x, 23)) ^ rol(w[i - 13], 7) ^ w[i - 6];
  }
  memcpy(r, s->v, sizeof r);
  for (int i = 0; i < 64; i++) {
    uint32_t t = i < 16 ? 0x79cc4519 : 0x7a879d8a;
    uint32_t ss1 = rol(rol(r[0], 12) + r[4] + rol(t, i), 7), ss2 = ss1 ^ rol(r[0], 12);
    uint32_t ff = i < 16 ? r[0] ^ r[1] ^ r[2] : (r[0] & r[1]) | (r[0] & r[2]) | (r[1] & r[2]);
    uint32_t gg = i < 16 ? r[4] ^ r[5] ^ r[6] : (r[4] & r[5]) | (~r[4] & r[6]);
    uint32_t tt1 = ff + r[3] + ss2 + (w[i] ^ w[i + 4]), tt2 = gg + r[7] + ss1 + w[i];
    r[3] = r[2]; r[2] = rol(r[1], 9); r[1] = r[0]; r[0] = tt1;
    r[7] = r[6]; r[6] = rol(r[5], 19); r[5] = r[4]; r[4] = tt2 ^ rol(tt2, 9) ^ rol(tt2, 17);
  }
  for (int i = 0; i < 8; i++) s->v[i] ^= r[i];
}

static void sm3_start(sm3 *s) {
  static const uint32_t iv[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
  memcpy(s->v, iv, sizeof iv);
  s->length = 0;
}

static void sm3_add(sm3 *s, const BYTE *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    s->block[s->length++ % 64] = p[i];
    if (s->length % 64 == 0) sm3_block(s);
  }
}

static void sm3_end(sm3 *s, BYTE *out) {
  uint64_t bits = s->length * 8;
  BYTE b = 0x80;
  sm3_add(s, &b, 1);
  for (b = 0; s->length % 64 != 56;) sm3_add(s, &b, 1);
  for (int i = 56; i >= 0; i -= 8) { b = (BYTE)(bits >> i); sm3_add(s, &b, 1); }
  for (int i = 0; i < 32; i++) out[i] = (BYTE)(s->v[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---- numbers of 256 bits, and the curve of GB/T 32918.5 ---- */

typedef struct { uint64_t w[4]; } num; /* least word first */

static const num P = {{0xffffffffffffffff, 0xffffffff00000000, 0xffffffffffffffff, 0xfffffffeffffffff}};
static const num N = {{0x53bbf40939d54123, 0x7203df6b21c6052b, 0xffffffffffffffff, 0xfffffffeffffffff}};
static const num GX = {{0x715a4589334c74c7, 0x8fe30bbff2660be1, 0x5f9904466a39c994, 0x32c4ae2c1f198119}};
static const num GY = {{0x02df32e52139f0a0, 0xd0a9877cc62a4740, 0x59bdcee36b692153, 0xbc3736a2f4f6779c}};

static num load(const BYTE *p) {
  num n = {{0}};
  for (int i = 0; i < 32; i++) n.w[3 - i / 8] = n.w[3 - i / 8] << 8 | p[i];
  return n;
}

static void save(num n, BYTE *p) {
  for (int i = 0; i < 32; i++) p[i] = (BYTE)(n.w[3 - i / 8] >> (56 - 8 * (i % 8)));
}

static int zero(num a) { return !(a.w[0] | a.w[1] | a.w[2] | a.w[3]); }

static int compare(num a, num b) {
  for (int i = 3; i >= 0; i--)
    if (a.w[i] != b.w[i]) return a.w[i] < b.w[i] ? -1 : 1;
  return 0;
}

static num sub_raw(num a, num b) {
  unsigned __int128 d = 0;
  for (int i = 0; i < 4; i++) {
    d = (unsigned __int128)a.w[i] - b.w[i] - (uint64_t)(d >> 127);
    a.w[i] = (uint64_t)d;
  }
  return a;
}

static num add(num a, num b, num m) {
  unsigned __int128 c = 0;
  for (int i = 0; i < 4; i++) {
    c += (unsigned __int128)a.w[i] + b.w[i];
    a.w[i] = (uint64_t)c;
    c >>= 64;
  }
  return c || compare(a, m) >= 0 ? sub_raw(a, m) : a;
}

static num sub(num a, num b, num m) { return compare(a, b) >= 0 ? sub_raw(a, b) : sub_raw(a, sub_raw(b, m)); }

static num mul(num a, num b, num m) {
  num r = {{0}};
  for (int i = 255; i >= 0; i--) {
    r = add(r, r, m);
    if (a.w[i / 64] >> (i % 64) & 1) r = add(r, b, m);
  }
  return r;
}

static num inverse(num a, num m) { /* by Fermat: both moduli are primes */
  num e = sub_raw(m, (num){{2}}), r = {{1}};
  for (int i = 255; i >= 0; i--) {
    r = mul(r, r, m);
    if (e.w[i / 64] >> (i % 64) & 1) r = mul(r, a, m);
  }
  return r;
}

static num reduce(num a, num m) { return compare(a, m) >= 0 ? sub_raw(a, m) : a; }

typedef struct { num x, y, z; } point; /* Jacobian; z = 0 is the point at infinity */

static point twice(point p) {
  if (zero(p.z)) return p;
  num z2 = mul(p.z, p.z, P), m, s, y2 = mul(p.y, p.y, P), y4 = mul(y2, y2, P);
  m = mul(sub(p.x, z2, P), add(p.x, z2, P), P); /* a = -3 */
  m = add(add(m, m, P), m, P);
  s = mul(p.x, y2, P);
  s = add(s, s, P); s = add(s, s, P);
  point r;
  r.x = sub(mul(m, m, P), add(s, s, P), P);
  y4 = add(y4, y4, P); y4 = add(y4, y4, P); y4 = add(y4, y4, P);
  r.y = sub(mul(m, sub(s, r.x, P), P), y4, P);
  r.z = mul(p.y, p.z, P);
  r.z = add(r.z, r.z, P);
  return r;
}

static point plus(point p, point q) {
  if (zero(p.z)) return q;
  if (zero(q.z)) return p;
  num z1 = mul(p.z, p.z, P), z2 = mul(q.z, q.z, P);
  num u1 = mul(p.x, z2, P), u2 = mul(q.x, z1, P), s1 = mul(p.y, mul(z2, q.z, P), P), s2 = mul(q.y, mul(z1, p.z, P), P);
  num h = sub(u2, u1, P), r = sub(s2, s1, P);
  if (zero(h)) return zero(r) ? twice(p) : (point){{{1}}, {{1}}, {{0}}};
  num h2 = mul(h, h, P), h3 = mul(h2, h, P), v = mul(u1, h2, P);
  point o;
  o.x = sub(sub(mul(r, r, P), h3, P), add(v, v, P), P);
  o.y = sub(mul(r, sub(v, o.x, P), P), mul(s1, h3, P), P);
  o.z = mul(mul(p.z, q.z, P), h, P);
  return o;
}

static int times(num k, num x, num y, num *ox, num *oy) {
  point r = {{{1}}, {{1}}, {{0}}}, p = {x, y, {{1}}};
  for (int i = 255; i >= 0; i--) {
    r = twice(r);
    if (k.w[i / 64] >> (i % 64) & 1) r = plus(r, p);
  }
  if (zero(r.z)) return 0;
  num i1 = inverse(r.z, P), i2 = mul(i1, i1, P);
  *ox = mul(r.x, i2, P);
  *oy = mul(r.y, mul(i2, i1, P), P);
  return 1;
}

/* sm2_sign is GB/T 32918.2 §6.1 from the digest on. */
static int sm2_sign(num d, num e, num *r, num *s) {
  for (;;) {
    BYTE b[32];
    if (!chance(b, 32)) return 0;
    num k = load(b), x, y, rk;
    if (zero(k) || compare(k, N) >= 0 || !times(k, GX, GY, &x, &y)) continue;
    *r = add(reduce(e, N), reduce(x, N), N);
    rk = add(*r, k, N);
    if (zero(*r) || zero(rk)) continue;
    *s = mul(inverse(add(d, (num){{1}}, N), N), sub(k, mul(*r, d, N), N), N);
    if (!zero(*s)) return 1;
  }
}

/* ---- the interface ---- */

static const char device[] = "SOFTSKF-0001", application[] = "CERTLINK", container[] = "C1";
static char dev_handle, app_handle, con_handle;
static int logged_in;

static ULONG here(HANDLE h, void *want) {
  if (!present()) { logged_in = 0; return SAR_DEVICE_REMOVED; }
  return h == want ? SAR_OK : SAR_INVALIDHANDLE;
}
#define HERE(h, want) do { ULONG bad = here(h, &want); if (bad) return bad; } while (0)

static ULONG answer(const void *data, ULONG n, BYTE *out, ULONG *size) {
  if (!size) return SAR_INVALIDPARAM;
  ULONG room = *size;
  *size = n;
  if (!out) return SAR_OK;
  if (room < n) return SAR_BUFFER_TOO_SMALL;
  memcpy(out, data, n);
  return SAR_OK;
}

static ULONG name(const char *text, BYTE *out, ULONG *size) {
  BYTE list[64] = {0};
  strcpy((char *)list, text);
  return answer(list, (ULONG)strlen(text) + 2, out, size);
}

API SKF_EnumDev(BOOL only_present, char *list, ULONG *size) {
  BEGIN;
  if (only_present && !present()) return answer("\0", 1, (BYTE *)list, size);
  return name(device, (BYTE *)list, size);
}

API SKF_ConnectDev(char *which, HANDLE *out) {
  BEGIN;
  if (strcmp(which, device)) return SAR_NAMELEN;
  if (!present()) return SAR_DEVICE_REMOVED;
  *out = &dev_handle;
  return SAR_OK;
}

API SKF_DisConnectDev(HANDLE h) { BEGIN; logged_in = 0; return h == &dev_handle ? SAR_OK : SAR_INVALIDHANDLE; }

API SKF_GetDevInfo(HANDLE h, BYTE *info) {
  BEGIN;
  HERE(h, dev_handle);
  memset(info, 0, 294);
  info[0] = 1;
  strcpy((char *)info + 2, "certlink tests");
  strcpy((char *)info + 66, "soft SKF");
  strcpy((char *)info + 130, "测试 U-Key");
  strcpy((char *)info + 162, "20261125001");
  return SAR_OK;
}

API SKF_EnumApplication(HANDLE h, char *list, ULONG *size) { BEGIN; HERE(h, dev_handle); return name(application, (BYTE *)list, size); }

API SKF_OpenApplication(HANDLE h, char *which, HANDLE *out) {
  BEGIN;
  HERE(h, dev_handle);
  if (strcmp(which, application)) return SAR_APPLICATION_NOT_EXISTS;
  *out = &app_handle;
  return SAR_OK;
}

API SKF_CloseApplication(HANDLE h) { BEGIN; HERE(h, app_handle); logged_in = 0; return SAR_OK; }

static ULONG tries(void) {
  char text[16] = {0};
  return get("left", (BYTE *)text, sizeof text - 1) > 0 ? (ULONG)strtoul(text, NULL, 10) : 0;
}

API SKF_GetPINInfo(HANDLE h, ULONG kind, ULONG *most, ULONG *left, BOOL *initial) {
  BEGIN;
  HERE(h, app_handle);
  if (kind != 1) return SAR_INVALIDPARAM;
  *most = 3;
  *left = tries();
  *initial = 0;
  return SAR_OK;
}

API SKF_VerifyPIN(HANDLE h, ULONG kind, char *pin, ULONG *left) {
  BEGIN;
  HERE(h, app_handle);
  char want[64] = {0}, text[16];
  ULONG n = tries();
  *left = n;
  if (kind != 1) return SAR_INVALIDPARAM;
  if (n == 0) return SAR_PIN_LOCKED;
  if (strlen(pin) < 4 || strlen(pin) > 16) return SAR_PIN_LEN_RANGE;
  if (logged_in) return SAR_USER_ALREADY_LOGGED_IN;
  get("pin", (BYTE *)want, sizeof want - 1);
  if (strcmp(pin, want)) {
    *left = --n;
    snprintf(text, sizeof text, "%u", (unsigned)n);
    put("left", text);
    return n ? SAR_PIN_INCORRECT : SAR_PIN_LOCKED;
  }
  put("left", "3");
  *left = 3;
  logged_in = 1;
  return SAR_OK;
}

API SKF_ClearSecureState(HANDLE h) { BEGIN; HERE(h, app_handle); logged_in = 0; return SAR_OK; }

API SKF_EnumContainer(HANDLE h, char *list, ULONG *size) { BEGIN; HERE(h, app_handle); return name(container, (BYTE *)list, size); }

API SKF_OpenContainer(HANDLE h, char *which, HANDLE *out) {
  BEGIN;
  HERE(h, app_handle);
  if (strcmp(which, container)) return SAR_INVALIDPARAM;
  *out = &con_handle;
  return SAR_OK;
}

API SKF_CloseContainer(HANDLE h) { BEGIN; HERE(h, con_handle); return SAR_OK; }

API SKF_ExportCertificate(HANDLE h, BOOL sign, BYTE *out, ULONG *size) {
  BEGIN;
  HERE(h, con_handle);
  static BYTE der[8192];
  long n = get(sign ? "sign.cer" : "encrypt.cer", der, sizeof der);
  return n <= 0 ? SAR_CERTNOTFOUND : answer(der, (ULONG)n, out, size);
}

API SKF_ECCSignData(HANDLE h, BYTE *digest, ULONG n, BYTE *blob) {
  BEGIN;
  HERE(h, con_handle);
  BYTE key[32];
  num r, s;
  if (!logged_in) return SAR_USER_NOT_LOGGED_IN;
  if (n != 32) return SAR_INDATALEN;
  if (get("sign.key", key, 32) != 32) return SAR_KEYNOTFOUND;
  if (!sm2_sign(load(key), load(digest), &r, &s)) return SAR_FAIL;
  memset(blob, 0, 128); /* ECCSIGNATUREBLOB: r and s at the right end of 64 bytes each */
  save(r, blob + 32);
  save(s, blob + 96);
  return SAR_OK;
}

API SKF_ECCDecrypt(HANDLE h, BYTE *blob, BYTE *out, ULONG *size) {
  BEGIN;
  HERE(h, con_handle);
  BYTE key[32], xy[64], pad[32], check[32], counter[4] = {0};
  num x, y;
  sm3 hash;
  ULONG n = blob[160] | blob[161] << 8 | blob[162] << 16 | (ULONG)blob[163] << 24;
  if (!logged_in) return SAR_USER_NOT_LOGGED_IN;
  if (get("encrypt.key", key, 32) != 32) return SAR_KEYNOTFOUND;
  if (*size < n) return SAR_BUFFER_TOO_SMALL;
  if (!times(load(key), load(blob + 32), load(blob + 96), &x, &y)) return SAR_INDATA;
  save(x, xy);
  save(y, xy + 32);
  for (ULONG i = 0; i < n; i++) {
    if (i % 32 == 0) {
      counter[3] = (BYTE)(i / 32 + 1);
      sm3_start(&hash); sm3_add(&hash, xy, 64); sm3_add(&hash, counter, 4); sm3_end(&hash, pad);
    }
    out[i] = blob[164 + i] ^ pad[i % 32];
  }
  sm3_start(&hash); sm3_add(&hash, xy, 32); sm3_add(&hash, out, n); sm3_add(&hash, xy + 32, 32); sm3_end(&hash, check);
  if (memcmp(check, blob + 128, 32)) return SAR_INDATA;
  *size = n;
  return SAR_OK;
}
