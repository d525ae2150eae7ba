/* The one function that Go programs want of Windows' library of this name. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *out, SIZE_T n) { return RtlGenRandom(out, (ULONG)n); }
