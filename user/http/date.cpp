// SPDX-License-Identifier: GPL-2.0-only
#include "http/date.h"

#include <algorithm>
#include <charconv>

namespace lanes::http {

namespace {

constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
						     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void put(Date &date, size_t at, int value, int digits)
{
	while (digits-- > 0) {
		date[at + static_cast<size_t>(digits)] = static_cast<char>('0' + value % 10);
		value /= 10;
	}
}

/** Reads a date from the left; once something does not fit, nothing does. */
class Reader {
public:
	explicit Reader(std::string_view text) : text_(text) {}

	void skip(std::string_view expected)
	{
		ok_ = ok_ && text_.starts_with(expected);
		if (ok_)
			text_.remove_prefix(expected.size());
	}

	int number(size_t digits)
	{
		int value = 0;

		ok_ = ok_ && text_.size() >= digits;
		if (!ok_)
			return 0;

		const char *end = text_.data() + digits;
		const auto result = std::from_chars(text_.data(), end, value);

		ok_ = result.ec == std::errc{} && result.ptr == end && value >= 0;
		text_.remove_prefix(digits);
		return value;
	}

	int month()
	{
		const auto found = std::ranges::find(months, text_.substr(0, 3));

		ok_ = ok_ && found != months.end();
		if (!ok_)
			return 0;
		text_.remove_prefix(3);
		return static_cast<int>(found - months.begin());
	}

	void time(tm &to)
	{
		to.tm_hour = number(2);
		skip(":");
		to.tm_min = number(2);
		skip(":");
		to.tm_sec = number(2);
	}

	bool at(char c) const { return ok_ && text_.starts_with(c); }
	bool ended() const { return ok_ && text_.empty(); }

private:
	std::string_view text_;
	bool ok_ = true;
};

/** A year of two digits that seems to be far ahead is of the past century. */
int full_year(int year)
{
	const time_t now = time(nullptr);
	tm today{};

	gmtime_r(&now, &today);

	const int present = today.tm_year + 1900;
	const int guess = present / 100 * 100 + year;

	return guess > present + 50 ? guess - 100 : guess;
}

/** "06 Nov 1994 08:49:37 GMT" */
void read_fixed(Reader &reader, tm &to)
{
	to.tm_mday = reader.number(2);
	reader.skip(" ");
	to.tm_mon = reader.month();
	reader.skip(" ");
	to.tm_year = reader.number(4) - 1900;
	reader.skip(" ");
	reader.time(to);
	reader.skip(" GMT");
}

/** "06-Nov-94 08:49:37 GMT" */
void read_rfc850(Reader &reader, tm &to)
{
	to.tm_mday = reader.number(2);
	reader.skip("-");
	to.tm_mon = reader.month();
	reader.skip("-");
	to.tm_year = full_year(reader.number(2)) - 1900;
	reader.skip(" ");
	reader.time(to);
	reader.skip(" GMT");
}

/** "Nov  6 08:49:37 1994" */
void read_asctime(Reader &reader, tm &to)
{
	to.tm_mon = reader.month();
	reader.skip(" ");
	if (reader.at(' ')) {
		reader.skip(" ");
		to.tm_mday = reader.number(1);
	} else {
		to.tm_mday = reader.number(2);
	}
	reader.skip(" ");
	reader.time(to);
	reader.skip(" ");
	to.tm_year = reader.number(4) - 1900;
}

} // namespace

Date format_date(time_t time)
{
	static constexpr std::string_view pattern = "Sun, 00 Jan 0000 00:00:00 GMT";
	Date date;
	tm utc{};

	std::ranges::copy(pattern, date.begin());
	if (!gmtime_r(&time, &utc))
		return date;
	std::ranges::copy(days[static_cast<size_t>(utc.tm_wday)], date.begin());
	put(date, 5, utc.tm_mday, 2);
	std::ranges::copy(months[static_cast<size_t>(utc.tm_mon)], date.begin() + 8);
	put(date, 12, utc.tm_year + 1900, 4);
	put(date, 17, utc.tm_hour, 2);
	put(date, 20, utc.tm_min, 2);
	put(date, 23, utc.tm_sec, 2);
	return date;
}

std::optional<time_t> parse_date(std::string_view text)
{
	const size_t word = text.find_first_of(", ");
	tm utc{};

	if (word == text.npos)
		return {};

	const bool comma = text[word] == ',';
	Reader reader(text.substr(word + 1));

	if (!comma) {
		read_asctime(reader, utc);
	} else {
		reader.skip(" ");
		if (word == 3)
			read_fixed(reader, utc);
		else
			read_rfc850(reader, utc);
	}
	if (!reader.ended() || utc.tm_mday < 1 || utc.tm_mday > 31 || utc.tm_hour > 23 ||
	    utc.tm_min > 59 || utc.tm_sec > 60)
		return {};
	return timegm(&utc);
}

} // namespace lanes::http
