using Xunit;

// These tests wait for servers, processes and the kernel more than they compute: two at a time leave the cores of a small machine idle.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
