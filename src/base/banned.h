/* base/banned.h - functions that do not compile here, and what to use instead. Included by force
 * into every file of ours (meson.build), after the system headers that declare them. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf atoi atol atoll strtok localtime
#pragma GCC poison gmtime asctime ctime gets

#endif
