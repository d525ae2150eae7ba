/* A PKCS#11 library (OASIS, v2.40) whose structures lie without gaps, as they do on
 * Windows, where CK_ULONG has 4 bytes too. The compiler lays them out from the
 * standard's own declarations, so it tells whoever calls with other offsets.
 *
 * It does no arithmetic: C_Sign gives back what it is to sign, so that a test sees
 * each byte that arrives. The certificate is the file beside the library, named like
 * it with ".cer" at the end. One slot, one token, one key. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#define API __declspec(dllexport)
#else
#include <dlfcn.h>
#define API __attribute__((visibility("default")))
#endif

typedef unsigned char CK_BYTE;
typedef unsigned long CK_ULONG;
typedef CK_ULONG CK_RV;

#pragma pack(push, 1)
typedef struct { CK_BYTE major, minor; } CK_VERSION;
typedef struct { CK_ULONG type; void *pValue; CK_ULONG ulValueLen; } CK_ATTRIBUTE;
typedef struct { CK_ULONG mechanism; void *pParameter; CK_ULONG ulParameterLen; } CK_MECHANISM;
typedef struct {
  CK_BYTE slotDescription[64], manufacturerID[32];
  CK_ULONG flags;
  CK_VERSION hardwareVersion, firmwareVersion;
} CK_SLOT_INFO;
typedef struct {
  CK_BYTE label[32], manufacturerID[32], model[16], serialNumber[16];
  CK_ULONG flags, counts[6], maxPin, minPin, memory[4];
  CK_VERSION hardwareVersion, firmwareVersion;
  CK_BYTE utcTime[16];
} CK_TOKEN_INFO;
typedef struct { CK_VERSION version; void *function[68]; } CK_FUNCTION_LIST;
#pragma pack(pop)

enum {
  CKR_OK = 0, CKR_SLOT_ID_INVALID = 3, CKR_GENERAL_ERROR = 5, CKR_ARGUMENTS_BAD = 7, CKR_ATTRIBUTE_TYPE_INVALID = 0x12,
  CKR_ATTRIBUTE_VALUE_INVALID = 0x13, CKR_KEY_HANDLE_INVALID = 0x60, CKR_FUNCTION_NOT_SUPPORTED = 0x54, CKR_MECHANISM_INVALID = 0x70,
  CKR_MECHANISM_PARAM_INVALID = 0x71, CKR_PIN_INCORRECT = 0xA0, CKR_PIN_LOCKED = 0xA4, CKR_SESSION_HANDLE_INVALID = 0xB3,
  CKR_USER_NOT_LOGGED_IN = 0x101, CKR_BUFFER_TOO_SMALL = 0x150,
};

/* Large numbers: whoever takes CK_ULONG for a signed one, or for a longer one, sends
 * another back. */
static const CK_ULONG the_slot = 0x80000001ul, the_session = 0xC0000002ul, certificate = 0x9000000Bul, private_key = 0xA0000016ul;
static const char pin[] = "739164", label[] = "packed key", id[] = "\x01\xA7";
static int logged_in, ready, wrong, found;
static CK_ULONG find_class;

static CK_RV none(void) { return CKR_FUNCTION_NOT_SUPPORTED; }
static CK_RV initialize(void *args) { return args ? CKR_ARGUMENTS_BAD : CKR_OK; }
static CK_RV finalize(void *reserved) { return reserved ? CKR_ARGUMENTS_BAD : CKR_OK; }

static void fill(CK_BYTE *out, size_t n, const char *text) {
  memset(out, ' ', n);
  memcpy(out, text, strlen(text));
}

static CK_RV slot_list(CK_BYTE present, CK_ULONG *list, CK_ULONG *n) {
  (void)present;
  CK_ULONG room = *n;
  *n = 1;
  if (!list) return CKR_OK;
  if (room < 1) return CKR_BUFFER_TOO_SMALL;
  list[0] = the_slot;
  return CKR_OK;
}

static CK_RV slot_info(CK_ULONG slot, CK_SLOT_INFO *info) {
  if (slot != the_slot) return CKR_SLOT_ID_INVALID;
  memset(info, 0, sizeof *info);
  fill(info->slotDescription, 64, "packed reader");
  fill(info->manufacturerID, 32, "certlink tests");
  info->flags = 1;
  return CKR_OK;
}

static CK_RV token_info(CK_ULONG slot, CK_TOKEN_INFO *info) {
  if (slot != the_slot) return CKR_SLOT_ID_INVALID;
  memset(info, 0xFF, sizeof *info); /* what lies behind the flags is not for them */
  fill(info->label, 32, "packed");
  fill(info->manufacturerID, 32, "certlink tests");
  fill(info->model, 16, "v2.40");
  fill(info->serialNumber, 16, "20261125002");
  info->flags = 1 << 2 | 1 << 3 | 1 << 10 | (wrong == 2 ? 1 << 17 : 0) | (wrong >= 3 ? 1 << 18 : 0);
  return CKR_OK;
}

static CK_RV open_session(CK_ULONG slot, CK_ULONG flags, void *application, void *notify, CK_ULONG *session) {
  if (slot != the_slot) return CKR_SLOT_ID_INVALID;
  if (flags != 4 || application || notify) return CKR_ARGUMENTS_BAD;
  *session = the_session;
  return CKR_OK;
}

#define SESSION do { if (session != the_session) return CKR_SESSION_HANDLE_INVALID; } while (0)

static CK_RV close_session(CK_ULONG session) { SESSION; logged_in = ready = 0; return CKR_OK; }
static CK_RV logout(CK_ULONG session) { SESSION; logged_in = 0; return CKR_OK; }

static CK_RV login(CK_ULONG session, CK_ULONG user, const CK_BYTE *given, CK_ULONG n) {
  SESSION;
  if (user != 1) return CKR_ARGUMENTS_BAD;
  if (wrong >= 3) return CKR_PIN_LOCKED;
  if (n != sizeof pin - 1 || memcmp(given, pin, n)) { wrong++; return CKR_PIN_INCORRECT; }
  wrong = 0;
  logged_in = 1;
  return CKR_OK;
}

static CK_RV value(CK_ATTRIBUTE *a, const void *data, CK_ULONG n) {
  CK_ULONG room = a->ulValueLen;
  a->ulValueLen = n;
  if (!a->pValue) return CKR_OK;
  if (room < n) return CKR_BUFFER_TOO_SMALL;
  memcpy(a->pValue, data, n);
  return CKR_OK;
}

static int file(char *out, size_t n) {
  char me[1024];
#ifdef _WIN32
  HMODULE library;
  if (!GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, pin, &library)) return 0;
  DWORD got = GetModuleFileNameA(library, me, sizeof me);
  if (got == 0 || got == sizeof me) return 0;
#else
  Dl_info info;
  if (!dladdr(pin, &info)) return 0;
  snprintf(me, sizeof me, "%s", info.dli_fname);
#endif
  return snprintf(out, n, "%s.cer", me) < (int)n;
}

static CK_RV attributes(CK_ULONG session, CK_ULONG object, CK_ATTRIBUTE *list, CK_ULONG n) {
  SESSION;
  if (object != certificate && object != private_key) return CKR_KEY_HANDLE_INVALID;
  for (CK_ULONG i = 0; i < n; i++) {
    CK_RV rv = CKR_ATTRIBUTE_TYPE_INVALID;
    if (list[i].type == 0x102) rv = value(&list[i], id, sizeof id - 1);
    else if (list[i].type == 3) rv = value(&list[i], label, sizeof label - 1);
    else if (list[i].type == 0x11 && object == certificate) {
      static CK_BYTE der[8192];
      char at[1100];
      FILE *f = file(at, sizeof at) ? fopen(at, "rb") : NULL;
      if (!f) return CKR_GENERAL_ERROR;
      CK_ULONG size = (CK_ULONG)fread(der, 1, sizeof der, f);
      fclose(f);
      rv = value(&list[i], der, size);
    } else list[i].ulValueLen = (CK_ULONG)-1;
    if (rv) return rv;
  }
  return CKR_OK;
}

static CK_RV find_init(CK_ULONG session, CK_ATTRIBUTE *list, CK_ULONG n) {
  SESSION;
  found = 0;
  find_class = 0;
  for (CK_ULONG i = 0; i < n; i++) {
    if (list[i].type == 0) {
      if (list[i].ulValueLen != sizeof find_class) return CKR_ATTRIBUTE_VALUE_INVALID;
      memcpy(&find_class, list[i].pValue, sizeof find_class);
    } else if (list[i].type == 0x102) {
      if (list[i].ulValueLen != sizeof id - 1 || memcmp(list[i].pValue, id, sizeof id - 1)) found = 1;
    } else return CKR_ATTRIBUTE_TYPE_INVALID;
  }
  return CKR_OK;
}

static CK_RV find(CK_ULONG session, CK_ULONG *out, CK_ULONG most, CK_ULONG *n) {
  SESSION;
  *n = 0;
  if (found || most < 1) return CKR_OK;
  if (find_class == 1) out[(*n)++] = certificate;
  if (find_class == 3 && logged_in) out[(*n)++] = private_key;
  found = 1;
  return CKR_OK;
}

static CK_RV find_final(CK_ULONG session) { SESSION; return CKR_OK; }

static CK_RV begin(CK_ULONG session, CK_MECHANISM *m, CK_ULONG key) {
  SESSION;
  if (m->mechanism != 1) return CKR_MECHANISM_INVALID;
  if (m->pParameter || m->ulParameterLen) return CKR_MECHANISM_PARAM_INVALID;
  if (key != private_key) return CKR_KEY_HANDLE_INVALID;
  if (!logged_in) return CKR_USER_NOT_LOGGED_IN;
  ready = 1;
  return CKR_OK;
}

static CK_RV echo(CK_ULONG session, const CK_BYTE *in, CK_ULONG n, CK_BYTE *out, CK_ULONG *size) {
  SESSION;
  if (!ready) return CKR_GENERAL_ERROR;
  if (*size < n) return CKR_BUFFER_TOO_SMALL;
  memcpy(out, in, n);
  *size = n;
  ready = 0;
  return CKR_OK;
}

API CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out) {
  static CK_FUNCTION_LIST list = {{2, 40}, {0}};
  for (int i = 0; i < 68; i++) list.function[i] = (void *)none;
  const struct { int at; void *function; } mine[] = {
    {0, initialize}, {1, finalize}, {4, slot_list}, {5, slot_info}, {6, token_info}, {12, open_session}, {13, close_session},
    {18, login}, {19, logout}, {24, attributes}, {26, find_init}, {27, find}, {28, find_final}, {33, begin}, {34, echo},
    {42, begin}, {43, echo},
  };
  for (size_t i = 0; i < sizeof mine / sizeof *mine; i++) list.function[mine[i].at] = mine[i].function;
  *out = &list;
  return CKR_OK;
}
