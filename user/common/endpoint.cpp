// SPDX-License-Identifier: GPL-2.0-only
#include "common/endpoint.h"

#include <charconv>

#include <cerrno>

#include <arpa/inet.h>
#include <net/if.h>

#include "common/error.h"

namespace lanes {
namespace {

uint16_t parse_port(std::string_view text, std::string_view whole)
{
	unsigned port = 0;
	auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);

	if (error != std::errc() || end != text.data() + text.size() || port > 65535)
		throw UsageError(
			std::format("'{}': the port must be a number from 0 to 65535", whole));
	return static_cast<uint16_t>(port);
}

uint32_t parse_scope(const std::string &name, std::string_view whole)
{
	uint32_t index = if_nametoindex(name.c_str());

	if (!index)
		throw UsageError(std::format("'{}': no network interface '{}'", whole, name));
	return index;
}

} // namespace

Endpoint Endpoint::parse(std::string_view text)
{
	const size_t colon = text.rfind(':');

	if (colon == std::string_view::npos)
		throw UsageError(std::format("'{}': want ADDR:PORT or [ADDR6]:PORT", text));

	std::string host(text.substr(0, colon));
	const uint16_t port = parse_port(text.substr(colon + 1), text);
	Endpoint endpoint;

	if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
		host = host.substr(1, host.size() - 2);
		if (const size_t percent = host.find('%'); percent != std::string::npos) {
			endpoint.v6().sin6_scope_id = parse_scope(host.substr(percent + 1), text);
			host.resize(percent);
		}
		endpoint.v6().sin6_family = AF_INET6;
		endpoint.v6().sin6_port = htons(port);
		if (inet_pton(AF_INET6, host.c_str(), &endpoint.v6().sin6_addr) != 1)
			throw UsageError(std::format("'{}': '{}' is no IPv6 address", text, host));
		return endpoint;
	}

	if (host.find(':') != std::string::npos)
		throw UsageError(
			std::format("'{}': put an IPv6 address in brackets, [ADDR6]:PORT", text));
	endpoint.v4().sin_family = AF_INET;
	endpoint.v4().sin_port = htons(port);
	if (inet_pton(AF_INET, host.c_str(), &endpoint.v4().sin_addr) != 1)
		throw UsageError(std::format("'{}': '{}' is no IPv4 address", text, host));
	return endpoint;
}

Endpoint Endpoint::of_socket(int fd)
{
	Endpoint endpoint;
	socklen_t length = sizeof(endpoint.storage_);

	if (getsockname(fd, reinterpret_cast<sockaddr *>(&endpoint.storage_), &length))
		throw_errno(errno, std::format("getsockname of descriptor {}", fd));
	if (endpoint.family() != AF_INET && endpoint.family() != AF_INET6)
		throw UsageError(std::format("descriptor {} is no IPv4 or IPv6 socket", fd));
	return endpoint;
}

Endpoint Endpoint::of_address(const sockaddr_storage &address)
{
	Endpoint endpoint;

	endpoint.storage_ = address;
	return endpoint;
}

const sockaddr *Endpoint::address() const
{
	return reinterpret_cast<const sockaddr *>(&storage_);
}

socklen_t Endpoint::length() const
{
	return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

uint16_t Endpoint::port() const
{
	return ntohs(family() == AF_INET ? v4().sin_port : v6().sin6_port);
}

std::string Endpoint::to_string() const
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (family() == AF_INET) {
		inet_ntop(AF_INET, &v4().sin_addr, text, sizeof(text));
		return std::format("{}:{}", text, port());
	}
	inet_ntop(AF_INET6, &v6().sin6_addr, text, sizeof(text));
	return std::format("[{}]:{}", text, port());
}

} // namespace lanes
