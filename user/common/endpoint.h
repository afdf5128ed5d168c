// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMMON_ENDPOINT_H
#define LANES_COMMON_ENDPOINT_H

#include <string>
#include <string_view>

#include <cstdint>

#include <netinet/in.h>
#include <sys/socket.h>

namespace lanes {

/** An IPv4 or IPv6 address and a TCP port. */
class Endpoint {
public:
	/** "ADDR:PORT" or "[ADDR6%SCOPE]:PORT"; throws UsageError. */
	static Endpoint parse(std::string_view text);
	/** Where the socket is bound; throws if it is no IP socket. */
	static Endpoint of_socket(int fd);

	/** @address: of AF_INET or AF_INET6. */
	static Endpoint of_address(const sockaddr_storage &address);

	const sockaddr *address() const;
	socklen_t length() const;
	int family() const { return storage_.ss_family; }
	uint16_t port() const;
	std::string to_string() const;

private:
	Endpoint() = default;
	sockaddr_in &v4() { return reinterpret_cast<sockaddr_in &>(storage_); }
	sockaddr_in6 &v6() { return reinterpret_cast<sockaddr_in6 &>(storage_); }
	const sockaddr_in &v4() const { return reinterpret_cast<const sockaddr_in &>(storage_); }
	const sockaddr_in6 &v6() const { return reinterpret_cast<const sockaddr_in6 &>(storage_); }

	sockaddr_storage storage_{};
};

} // namespace lanes

#endif
