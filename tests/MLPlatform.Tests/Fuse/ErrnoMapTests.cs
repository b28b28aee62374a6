using MLPlatform.Core;
using MLPlatform.Fuse;
using Xunit;

namespace MLPlatform.Tests.Fuse;

public sealed class ErrnoMapTests
{
    public static TheoryData<CacheError, Errno> Table => new()
    {
        { CacheError.NotFound, Errno.ENOENT },
        { CacheError.InvalidName, Errno.ENOENT },
        { CacheError.AccessDenied, Errno.EACCES },
        { CacheError.Unauthenticated, Errno.EACCES },
        { CacheError.VersionChanged, Errno.ESTALE },
        { CacheError.Throttled, Errno.EIO },
        { CacheError.Unreachable, Errno.EIO },
        { CacheError.DeadlineExceeded, Errno.EIO },
        { CacheError.Corrupt, Errno.EIO },
        { CacheError.DeviceFailed, Errno.EIO },
        { CacheError.DeviceFull, Errno.EIO },
        { CacheError.ReadOnly, Errno.EROFS },
        { CacheError.Interrupted, Errno.EINTR },
        { CacheError.Busy, Errno.EBUSY },
        { CacheError.Unsupported, Errno.EOPNOTSUPP },
        { CacheError.Configuration, Errno.EINVAL },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void From_EachCode_GivesItsErrno(CacheError error, Errno errno) => Assert.Equal(errno, ErrnoMap.From(error));

    [Fact]
    public void Table_OfThisTest_NamesEveryCode() =>
        Assert.Equal(Enum.GetValues<CacheError>().Order(), Table.Select(row => (CacheError)row[0]).Order());

    [Fact]
    public void From_Bug_GivesEio() => Assert.Equal(Errno.EIO, ErrnoMap.From(new InvalidOperationException("bug")));
}
