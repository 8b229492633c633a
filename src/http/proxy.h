/* http/proxy.h - the header that a proxy sends before the bytes of its client, to say who that is:
 * the PROXY protocol, versions 1 and 2 (haproxy.org/download/2.6/doc/proxy-protocol.txt). Pure. */
#ifndef HTTP_PROXY_H
#define HTTP_PROXY_H

#include "base/address.h"
#include "base/str.h"

#define HTTP_PROXY_INCOMPLETE 0
/* Extensions (TLVs) are passed over; more of them than this is no header. */
#define HTTP_PROXY_MAX 1024

/* > 0: the length of the header; RET_CLIENT is who it names, and left as it was when it names
 * nobody (the proxy speaks for itself, or of something without an address). 0: more bytes are
 * needed. -EINVAL: no such header; the connection must be closed without an answer. */
long http_proxy_parse(struct str bytes, struct address *ret_client);

#endif
