// SPDX-License-Identifier: GPL-2.0-only
#include "http/reply.h"

namespace lanes::http {

std::string_view status_text(unsigned status)
{
	switch (status) {
	case 200:
		return "200 OK";
	case 206:
		return "206 Partial Content";
	case 301:
		return "301 Moved Permanently";
	case 304:
		return "304 Not Modified";
	case 400:
		return "400 Bad Request";
	case 404:
		return "404 Not Found";
	case 405:
		return "405 Method Not Allowed";
	case 413:
		return "413 Content Too Large";
	case 414:
		return "414 URI Too Long";
	case 416:
		return "416 Range Not Satisfiable";
	case 417:
		return "417 Expectation Failed";
	case 431:
		return "431 Request Header Fields Too Large";
	case 501:
		return "501 Not Implemented";
	case 503:
		return "503 Service Unavailable";
	case 505:
		return "505 HTTP Version Not Supported";
	default:
		return "500 Internal Server Error";
	}
}

void Common::update(time_t now)
{
	static constexpr std::string_view server = "Server: lanesd\r\nDate: ";

	if (now == now_)
		return;
	now_ = now;

	const Date date = format_date(now);
	Reply reply;

	reply << server << view(date) << "\r\n";
	fields_size_ = reply.text().copy(fields_.data(), fields_.size());
	plaintext_.clear();
	plaintext_ << "HTTP/1.1 " << status_text(200) << "\r\n" << fields() << plaintext_fields;
	plaintext_head_size_ = plaintext_.text().size();
	plaintext_ << plaintext_content;
}

} // namespace lanes::http
