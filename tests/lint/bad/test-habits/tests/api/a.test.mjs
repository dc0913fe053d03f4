test.only('one', async () => {
	await new Promise((resolve) => setTimeout(resolve, 500));
	await new Promise((resolve) => setTimeout(resolve, 9)); // lint: waits, it is what is tested
});
