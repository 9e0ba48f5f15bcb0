using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>What a rank sends along with its data: what it is submitting. Peers compare before they use anything.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct MpiHeader(long step, int seq, PlannedCollective entry, int rank)
{
    private readonly long _step = step;
    private readonly ulong _digest = entry.Digest;
    private readonly int _seq = seq;
    private readonly int _layer = entry.Layer;
    private readonly int _rows = entry.Kind == CollectiveKind.AllToAll ? -1 : entry.Rows[rank];
    private readonly int _width = entry.Width;
    private readonly byte _kind = (byte)entry.Kind;
    private readonly byte _group = (byte)entry.Group;
    private readonly byte _type = (byte)entry.Type;
    private readonly byte _purpose = (byte)entry.Purpose;

    /// <summary>Bytes of a header.</summary>
    public const int Size = 48;

    /// <summary>Whether both are the same collective at the same place.</summary>
    public bool Matches(in MpiHeader other) => (_step, _seq, _digest) == (other._step, other._seq, other._digest);

    /// <summary>What it says, in words.</summary>
    public override string ToString() =>
        $"{Names.Use((CollectiveKind)_kind, _layer, (CollectivePurpose)_purpose)}{(_rows < 0 ? "" : $": {((DType)_type).Name()} {_rows} rows of {_width}")} over {Names.Of((GroupKind)_group)} as seq {_seq} of step {_step}";
}
