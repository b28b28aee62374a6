using System.Runtime.CompilerServices;

namespace MLPlatform.Datasets;

/// <summary>Room for one name on the stack.</summary>
[InlineArray(ManifestFormat.MaxNameBytes + 1)]
internal struct NameBuffer
{
    private byte _first;
}
