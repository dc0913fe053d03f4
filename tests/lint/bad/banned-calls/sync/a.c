/* time(NULL) in a comment is harmless. */
#include <time.h>

int a_now(const struct env *env, char *out)
{
	const char *text = "sleep(1)";
	env->time(env);
	int64_t now = time(NULL);
	sprintf(out, "%s", text);
	assert (now > 0);
	return a_time(now);
}
