using MLPlatform.Cli.Mounting;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class MountHelperTests
{
    [Theory]
    [InlineData("/sbin/mount.fuse.mlp", true)]
    [InlineData("mount.mlp", true)]
    [InlineData("/usr/bin/mlp", false)]
    [InlineData("", false)]
    public void IsHelperName_OnlyForTheNamesMountLooksFor(string program, bool expected) => Assert.Equal(expected, MountHelper.IsHelperName(program));

    [Theory]
    [InlineData("s3://b /mnt -o rw,uid=1", "mount -o rw,uid=1 s3://b /mnt")]
    [InlineData("s3://b /mnt -v -n -o rw -t fuse.mlp", "mount -o rw s3://b /mnt")]
    [InlineData("s3://b /mnt -sf", "mount --fake --sloppy s3://b /mnt")]
    [InlineData("-f -s s3://b /mnt", "mount --fake --sloppy s3://b /mnt")]
    [InlineData("s3://b /mnt -N /proc/1/ns/mnt", "mount s3://b /mnt")]
    [InlineData("--bad s3://b /mnt", "mount --bad s3://b /mnt")]
    public void Translate_WhatMountGives_MeansTheSame(string given, string expected) => Assert.Equal(expected, string.Join(' ', MountHelper.Translate(given.Split(' '))));
}
