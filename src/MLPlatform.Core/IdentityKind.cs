namespace MLPlatform.Core;

/// <summary>How an under-store tells one version of an object from the next. The values are part of the manifest format.</summary>
public enum IdentityKind : byte
{
    /// <summary>Unknown: directories and symbolic links.</summary>
    None = 0,

    /// <summary>An S3 ETag of 32 hexadecimal digits, held as 16 bytes.</summary>
    HexETag = 1,

    /// <summary>Any other ETag, held as text without its quotes (multipart uploads have a <c>-N</c> tail).</summary>
    TextETag = 2,

    /// <summary>A local file: mtime in ns (high half) and inode number (low half). The length is compared beside it.</summary>
    FileStat = 3,

    /// <summary>An HDFS file: mtime in ms (high half) and file id (low half). The length is compared beside it.</summary>
    HdfsFile = 4,
}
