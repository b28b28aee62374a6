using System.Runtime.InteropServices;

namespace MLPlatform.Datasets;

/// <summary>Entries of a tar in their order, names side by side in one array: some 80 bytes each. For one thread at a time.</summary>
internal sealed class TarMembers
{
    private readonly List<(TarMember Member, int NameEnd)> _members = [];
    private readonly List<byte> _names = [];

    public int Count => _members.Count;

    public TarMember this[int index] => _members[index].Member;

    /// <summary>Path below the tar's root. Until something is added.</summary>
    public ReadOnlySpan<byte> NameOf(int index) => CollectionsMarshal.AsSpan(_names)[(index == 0 ? 0 : _members[index - 1].NameEnd).._members[index].NameEnd];

    public void Add(in TarMember member, ReadOnlySpan<byte> name)
    {
        _names.AddRange(name);
        _members.Add((member, _names.Count));
    }

    public void Clear()
    {
        _members.Clear();
        _names.Clear();
    }
}
