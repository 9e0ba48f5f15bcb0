namespace Lean.Kernels.Tests;

/// <summary>One instruction: what its words say is found once, and not again by every thread.</summary>
internal sealed class PtxInstruction
{
    public PtxInstruction(PtxProgram program, string operation, PtxOperand[] operands, int predicate, bool negated, int line, string text)
    {
        (Operation, Operands, Predicate, Negated, Line, Text) = (operation, operands, predicate, negated, line, text);
        Words = operation.Split('.');
        IsSystem = operation.Contains(".relaxed.sys.", StringComparison.Ordinal);
        IsShared = Array.Find(Words, static w => w is "global" or "shared") == "shared";
        Meeting = MeetingOf(operation);
        Actor = ActorOf(operation, Meeting);
        if (Actor == PtxActor.Branch)
        {
            Target = program.Label(operands[0].Name!);
        }

        int[] places = [.. operands.Take(4).Select(static o => o.Register), .. Enumerable.Repeat(program.Nothing, int.Max(0, 4 - operands.Length))];
        (Into, A, B, C) = (places[0], places[1], places[2], places[3]);
        if (Actor == PtxActor.Memory)
        {
            Act = PtxMoves.Of(program, this);
            Actor = Act is null ? PtxActor.Alone : PtxActor.Memory;
        }

        Result = Actor is PtxActor.Alone ? PtxArithmetic.Of(this) : null;
        Mask = PtxArithmetic.Mask(Words);
    }

    public string Operation { get; }

    public PtxOperand[] Operands { get; }

    /// <summary>The operation's words, which points separate.</summary>
    public string[] Words { get; }

    /// <summary>The register that says whether it is carried out, or -1.</summary>
    public int Predicate { get; }

    public bool Negated { get; }

    public int Line { get; }

    public string Text { get; }

    /// <summary>Who carries it out.</summary>
    public PtxActor Actor { get; }

    /// <summary>Whom it waits for.</summary>
    public PtxMeeting Meeting { get; }

    /// <summary>Whether it reaches memory that other devices and the host use meanwhile.</summary>
    public bool IsSystem { get; }

    /// <summary>Whether it reaches shared memory. What stands before that word, volatile or relaxed.sys, orders memory among devices, which one thread at a time is.</summary>
    public bool IsShared { get; }

    /// <summary>Where a branch leads.</summary>
    public int Target { get; }

    /// <summary>The first operand's register.</summary>
    public int Into { get; }

    /// <summary>The second's, or zero's.</summary>
    public int A { get; }

    /// <summary>The third's, or zero's.</summary>
    public int B { get; }

    /// <summary>The fourth's, or zero's.</summary>
    public int C { get; }

    /// <summary>The bits of <see cref="Result"/> that it has.</summary>
    public ulong Mask { get; }

    /// <summary>Its result for a thread alone, of the second operand, the third and the fourth.</summary>
    public Func<ulong, ulong, ulong, ulong>? Result { get; }

    /// <summary>What it does to memory or to several registers.</summary>
    public PtxMove? Act { get; }

    private static PtxMeeting MeetingOf(string operation) => operation switch
    {
        _ when operation.StartsWith("mbarrier.try_wait", StringComparison.Ordinal) => PtxMeeting.Copies,
        _ when operation.StartsWith("barrier.cluster.wait", StringComparison.Ordinal) => PtxMeeting.Cluster,
        "bar.sync" => PtxMeeting.Barrier,
        _ when !operation.Contains(".sync", StringComparison.Ordinal) => PtxMeeting.None,
        _ when operation.StartsWith("wgmma", StringComparison.Ordinal) => PtxMeeting.WarpGroup,
        _ => PtxMeeting.Warp,
    };

    private static PtxActor ActorOf(string operation, PtxMeeting meeting) => operation switch
    {
        "bra" or "bra.uni" => PtxActor.Branch,
        "ret" => PtxActor.Return,
        _ when meeting != PtxMeeting.None => PtxActor.Together,
        _ when operation.Split('.')[0] is "cp" or "mbarrier" or "bar" or "barrier" or "fence" or "griddepcontrol" => PtxActor.Asynchronous,
        _ when operation.Split('.')[0] is "ld" or "st" or "mov" => PtxActor.Memory,
        _ => PtxActor.Alone,
    };
}

/// <summary>What an instruction does to a thread's registers and to memory.</summary>
internal delegate void PtxMove(Span<ulong> registers, PtxGroup group);

/// <summary>Who carries an instruction out.</summary>
internal enum PtxActor
{
    /// <summary>The thread: one result of numbers.</summary>
    Alone,

    /// <summary>The thread: memory, or several results.</summary>
    Memory,

    /// <summary>The thread goes on elsewhere.</summary>
    Branch,

    /// <summary>The thread ends.</summary>
    Return,

    /// <summary>The copy engine or a barrier, at some time.</summary>
    Asynchronous,

    /// <summary>The thread with others: it waits for them.</summary>
    Together,
}

/// <summary>Whom a thread waits for.</summary>
internal enum PtxMeeting
{
    /// <summary>Nobody.</summary>
    None,

    /// <summary>Copies that an mbarrier counts.</summary>
    Copies,

    /// <summary>The threads of its cluster.</summary>
    Cluster,

    /// <summary>As many threads of its group as a barrier says.</summary>
    Barrier,

    /// <summary>Its warp.</summary>
    Warp,

    /// <summary>Four warps.</summary>
    WarpGroup,
}

/// <summary>A number, a register, a name, or a list of operands in braces or brackets.</summary>
/// <param name="Value">The number.</param>
/// <param name="Register">Where its value is found; a list of one has that one's.</param>
/// <param name="Offset">What is added to a name.</param>
/// <param name="Name">A label, a parameter or what the machine knows.</param>
/// <param name="Parts">The list's.</param>
internal sealed record PtxOperand(ulong Value, int Register, int Offset, string? Name, PtxOperand[] Parts);
