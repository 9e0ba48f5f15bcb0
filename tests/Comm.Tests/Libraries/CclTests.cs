using System.Globalization;
using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>
/// The calls that NCCL and oneCCL get, on libraries that stand in for them: names, arguments, their order, ids by value. No
/// device is here.
/// </summary>
public sealed class CclTests
{
    private const nint Stream = 77;

    public static TheoryData<CclKind> Kinds => [CclKind.Nccl, CclKind.OneCcl];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_group_lives_from_its_id_to_its_end(CclKind kind)
    {
        using StandInLibrary standIn = Compile(kind);
        CclLibrary library = CclLibrary.Open(kind, standIn.File);
        Assert.Equal(kind == CclKind.Nccl ? "NCCL 2.28.9, NVLink multicast off" : "oneCCL 22.0.1", library.Description);
        byte[] id = library.NewId();
        Assert.Equal(kind == CclKind.Nccl ? 128 : 4096, id.Length);
        library.Join(id, ranks: 4, rank: 3, device: 5, Stream).Dispose();
        string[] device = kind == CclKind.Nccl ? [] : ["SetDevice 5"];
        Assert.Equal(["GetUniqueId", .. device, "CommInitRank ranks=4 rank=3 id=whole", "CommDestroy comm"], standIn.Report());
        Assert.Contains("an id of 12 bytes", Assert.Throws<MachineException>(() => library.Join(new byte[12], 4, 3, 5, Stream)).Message, StringComparison.Ordinal);
        Assert.Contains("rank 4 of 4", Assert.Throws<MachineException>(() => library.Join(id, 4, 4, 5, Stream)).Message, StringComparison.Ordinal);
        Assert.Empty(standIn.Report());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Collectives_carry_counts_types_and_the_stream(CclKind kind)
    {
        using StandInLibrary standIn = Compile(kind);
        CclLibrary library = CclLibrary.Open(kind, standIn.File);
        using CclGroup group = library.Join(library.NewId(), 4, 0, 0, Stream);
        _ = standIn.Report();
        Tensor rows = new(DType.BF16, new Shape(3, 8), 0x1000), all = new(DType.BF16, new Shape(12, 8), 0x2000), ids = new(DType.I32, new Shape(4, 2), 0x4000), got = new(DType.I32, new Shape(5, 2), 0x8000);
        group.AllReduce(rows, rows);
        group.AllGather(rows, all);
        group.ReduceScatter(all, rows);
        group.Broadcast(rows, rows, root: 2);
        group.BeginBatch();
        group.Send(ids.Rows(0, 3), 2);
        group.Receive(got.Rows(1, 4), 3);
        group.EndBatch();
        Assert.Equal(
            [
                "AllReduce 24 type=9 op=0 inplace=1 comm stream=77",
                "AllGather 24 type=9 gap=4096 comm stream=77",
                "ReduceScatter 24 type=9 op=0 gap=-4096 comm stream=77",
                "Broadcast 24 type=9 root=2 inplace=1 comm stream=77",
                "GroupStart", Line("Send", 6, 2, 0x4000), Line("Recv", 8, 3, 0x8008), "GroupEnd",
            ], standIn.Report());

        static string Line(string call, int count, int peer, int at) => string.Create(CultureInfo.InvariantCulture, $"{call} {count} type=2 peer={peer} at={at} comm stream=77");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Errors_are_sentences_with_the_librarys_words(CclKind kind)
    {
        using StandInLibrary standIn = Compile(kind);
        CclLibrary library = CclLibrary.Open(kind, standIn.File);
        CclGroup group = library.Join(library.NewId(), 2, 0, 0, Stream);
        Tensor rows = new(DType.F32, new Shape(3, 8), 0x1000);
        string prefix = kind == CclKind.Nccl ? "nccl" : "oneccl";
        group.Check();
        standIn.Fault(3);
        Assert.Equal($"{prefix}AllReduce failed: internal error (3): peer 1 went away", Assert.Throws<MachineException>(() => group.AllReduce(rows, rows)).Message);
        Assert.Equal($"{prefix}GetUniqueId failed: internal error (3)", Assert.Throws<MachineException>(() => library.NewId()).Message);
        if (kind == CclKind.Nccl)
        {
            Assert.Contains("internal error (3)", Assert.Throws<MachineException>(group.Check).Message, StringComparison.Ordinal);
        }

        standIn.Fault(0);
        _ = standIn.Report();
        if (kind == CclKind.Nccl)
        {
            group.Abort();
            group.Dispose();
            Assert.Equal(["CommAbort comm"], standIn.Report());
        }
        else
        {
            Assert.Equal("oneCCL (libccl.so.2) cannot abort: what hangs ends with the process", Assert.Throws<MachineException>(group.Abort).Message);
            group.Dispose();
            Assert.Equal(["CommDestroy comm"], standIn.Report());
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Of_a_batch_that_fails_twice_the_first_error_is_told_and_the_batch_is_ended(CclKind kind)
    {
        using StandInLibrary standIn = Compile(kind);
        CclLibrary library = CclLibrary.Open(kind, standIn.File);
        using CclGroup group = library.Join(library.NewId(), 2, 0, 0, Stream);
        var layout = new ParallelLayout(2, 1, expert: false);
        PlannedCollective entry = PlannedCollective.AllToAll(layout, GroupKind.Tensor, DType.F32, [1, 1, 1, 1], 4);
        using var memory = new CclHostMemory();
        using var rows = new HostBuffer(64);
        Tensor sent = rows.View(DType.F32, new Shape(2, 4)), received = rows.View(DType.F32, new Shape(2, 4), 32);
        string call = kind == CclKind.Nccl ? "nccl" : "oneccl";
        foreach ((int send, int end, string told) in new[] { (3, 5, "Send failed: internal error (3)"), (3, 0, "Send failed: internal error (3)"), (0, 3, "GroupEnd failed: internal error (3)") })
        {
            _ = standIn.Report();
            standIn.Refuse(send, end);
            Assert.StartsWith(call + told, Assert.Throws<MachineException>(
                () => new CclMoves(memory).Run(entry, layout.Group(GroupKind.Tensor, 0), group, [1, 1], [1, 1], sent, received)).Message, StringComparison.Ordinal);
            Assert.Equal("GroupEnd", standIn.Report()[^1]);
        }

        standIn.Refuse(0, 0);
    }

    [Fact]
    public void A_library_that_is_missing_or_another_one_is_named()
    {
        using StandInLibrary nccl = Compile(CclKind.Nccl);
        Assert.Contains("NCCL (libnccl.so.2) cannot be loaded: /nowhere.so", Assert.Throws<MachineException>(() => CclLibrary.Open(CclKind.Nccl, "/nowhere.so")).Message, StringComparison.Ordinal);
        Assert.Equal("oneCCL (libccl.so.2) has no onecclGetVersion: another version of it is needed", Assert.Throws<MachineException>(() => CclLibrary.Open(CclKind.OneCcl, nccl.File)).Message);
    }

    [Fact]
    public unsafe void An_mpi_with_another_binary_interface_is_refused_by_name()
    {
        using var standIn = new StandInLibrary("mpich.c");
        byte* text = stackalloc byte[256];
        Assert.Equal(CommLibrary.Unsupported, CommLibrary.MpiOpen(standIn.File, (nint)text, 256));
        Assert.StartsWith("this MPI is 'MPICH Version:      4.0.2", CommLibrary.LastError(), StringComparison.Ordinal);
        Assert.EndsWith("expected Open MPI 4 or 5", CommLibrary.LastError(), StringComparison.Ordinal);
    }

    private static StandInLibrary Compile(CclKind kind) => new("ccl.c", kind == CclKind.OneCcl ? ["-DONECCL"] : []);
}
