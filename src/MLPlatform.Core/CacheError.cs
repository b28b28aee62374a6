namespace MLPlatform.Core;

/// <summary>Every way an operation can fail. Closed: each border maps it once (errno, CLI exit code), and a test checks that no code lacks a row.</summary>
public enum CacheError
{
    /// <summary>The object, file, bucket, dataset or version does not exist.</summary>
    NotFound,

    /// <summary>The name cannot exist in a POSIX tree.</summary>
    InvalidName,

    /// <summary>The store knows us and refuses.</summary>
    AccessDenied,

    /// <summary>The store does not accept our credentials, or we have none.</summary>
    Unauthenticated,

    /// <summary>The object is no longer the one the pinned version names.</summary>
    VersionChanged,

    /// <summary>The store asks us to slow down. Tried again within the retry budget.</summary>
    Throttled,

    /// <summary>No answer, a broken connection, or a server error. Tried again within the retry budget.</summary>
    Unreachable,

    /// <summary>The deadline passed.</summary>
    DeadlineExceeded,

    /// <summary>Bytes do not match their checksum, or a file's structure is damaged.</summary>
    Corrupt,

    /// <summary>A cache device fails.</summary>
    DeviceFailed,

    /// <summary>A cache device is full.</summary>
    DeviceFull,

    /// <summary>A mutation of a read-only mount.</summary>
    ReadOnly,

    /// <summary>The caller was interrupted or has gone away.</summary>
    Interrupted,

    /// <summary>Somebody else holds the thing.</summary>
    Busy,

    /// <summary>Neither we nor the store can do this.</summary>
    Unsupported,

    /// <summary>The user gave an option or a file that cannot work.</summary>
    Configuration,
}
