#include <unistd.h>

void a_wait(void)
{
	sleep(1);
	system("true");
	int n = atoi("7");
	(void)time(NULL);
}
