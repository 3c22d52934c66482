/*
 * date: RFC 5322 section 3.3. strftime() would follow the caller's locale.
 */
#include "message/date.h"

#include <stdio.h>
#include <stdlib.h>

char *
date_format(char target[DATE_SIZE], time_t when)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
	    "Nov", "Dec"};
	struct tm tm;
	long minutes;

	tzset();
	if (localtime_r(&when, &tm) == NULL && gmtime_r(&(time_t){0}, &tm) == NULL)
		tm = (struct tm){.tm_mday = 1, .tm_year = 70};
	minutes = tm.tm_gmtoff / 60;
	(void)snprintf(target, DATE_SIZE, "%s, %d %s %d %02d:%02d:%02d %c%02d%02d", days[(unsigned)tm.tm_wday % 7],
	    tm.tm_mday, months[(unsigned)tm.tm_mon % 12], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    minutes < 0 ? '-' : '+', (int)(labs(minutes) / 60 % 100), (int)(labs(minutes) % 60));
	return target;
}
