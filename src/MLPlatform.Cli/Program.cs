using MLPlatform.Cli;

return await CommandLine.RunAsync(args);
