/* config/address.h - addresses to listen on: "HOST:PORT", "[::1]:PORT", "unix:PATH". Pure: no name
 * is looked up. */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include <stdbool.h>

/* NULL when TEXT is an address; else "cause; mend". */
const char *address_check(const char *text);
/* True when nobody but this machine reaches it: 127.0.0.0/8, ::1, localhost, a Unix socket. */
bool address_is_loopback(const char *text);

#endif
