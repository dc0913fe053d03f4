#include "daemon/control_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/control.h"

enum err control_path_open(struct control_path *path, struct str folder, struct buf *why)
{
	path->fd = -1;
	if (folder.len >= sizeof path->folder) {
		buf_text(why, "The data folder's name is too long.");
		return ERR_INVALID;
	}
	memcpy(path->folder, folder.ptr, folder.len);
	path->folder[folder.len] = '\0';
	path->fd = open(path->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (path->fd >= 0)
		return ERR_OK;
	enum err err = errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES ? ERR_DENIED : ERR_IO;
	buf_fmt(why, "%s cannot be opened (%s). Name the data folder with --data-dir or DATA_DIR.",
		path->folder, strerror(errno));
	return err;
}

bool control_path_name(const struct control_path *path, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/" CONTROL_NAME, path->fd);
	return path->fd >= 0 && len > 0 && (size_t)len < sizeof out->sun_path;
}

void control_path_close(struct control_path *path)
{
	if (path->fd >= 0)
		(void)close(path->fd);
	path->fd = -1;
}
