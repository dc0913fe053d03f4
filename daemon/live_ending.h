/*
 * How a connection of the live channel ends, if it does not just break: each has its close code and its bye
 * in live_out.c.
 */
#ifndef TSUZUKI_DAEMON_LIVE_ENDING_H
#define TSUZUKI_DAEMON_LIVE_ENDING_H

enum live_ending {
	END_NOT,
	END_NOT_AUTHORIZED,
	END_NO_USER,
	END_EXPIRED,
	END_REVOKED,
	END_DELETED,
	END_NO_HELLO,
	END_UNFINISHED,
	END_FLOODING,
	END_TOO_LARGE,
	END_BINARY,
	END_NOT_UTF8,
	END_STOPPING,
	END_FAILED,
	END_COUNT
};

#endif
