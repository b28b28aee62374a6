using MLPlatform.Bench;

// One verb for each thing we measure; bench/README.md says what each shows.
return args is [string verb, ..] && Verbs.Table.TryGetValue(verb, out Func<string[], Task<int>>? run)
    ? await run(args[1..])
    : Verbs.Usage();
