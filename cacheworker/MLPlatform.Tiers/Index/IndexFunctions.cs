using FASTER.core;

namespace MLPlatform.Tiers.Index;

/// <summary>What FASTER does with a record: copies it out, or writes over it and hands out what was there. It holds the record's lock around each call.</summary>
internal sealed class IndexFunctions : FunctionsBase<FileKey, RecordLocation, Empty, IndexOutput, Empty>
{
    public override bool ConcurrentReader(ref FileKey key, ref Empty input, ref RecordLocation value, ref IndexOutput dst, ref ReadInfo readInfo)
    {
        dst.Location = value;
        dst.Found = true;
        return true;
    }

    public override bool SingleReader(ref FileKey key, ref Empty input, ref RecordLocation value, ref IndexOutput dst, ref ReadInfo readInfo) =>
        ConcurrentReader(ref key, ref input, ref value, ref dst, ref readInfo);

    public override bool ConcurrentWriter(ref FileKey key, ref Empty input, ref RecordLocation src, ref RecordLocation dst, ref IndexOutput output, ref UpsertInfo upsertInfo)
    {
        output.Location = dst;
        output.Found = true;
        dst = src;
        return true;
    }
}
