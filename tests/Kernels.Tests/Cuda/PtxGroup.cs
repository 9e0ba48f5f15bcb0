namespace Lean.Kernels.Tests;

/// <summary>A group of threads on the model of a card. Threads run one after the other up to what they must wait for.</summary>
internal sealed class PtxGroup(PtxProgram program, PtxMachine machine, PtxCluster cluster, byte[] shared, int x, int y, int countX)
{
    private readonly PtxThread[] _threads = [.. Enumerable.Range(0, program.ThreadCount).Select(i => new PtxThread(i, program.RegisterCount))];
    private readonly Dictionary<int, List<List<Action>>> _products = [];
    private readonly Dictionary<ulong, int> _told = [];
    private readonly PtxCopies _copies = new(machine, shared);
    private PtxInstruction? _at;

    public int X => x;

    public int Y => y;

    public int CountX => countX;

    public PtxCluster Cluster => cluster;

    /// <summary>Whether all threads have ended.</summary>
    public bool IsDone => Array.TrueForAll(_threads, static t => t.Done);

    /// <summary>
    /// Lets each thread go on to where it must wait, or has looked into memory that others write: then they have their turn.
    /// </summary>
    /// <returns>Whether anything went on; otherwise other groups must.</returns>
    /// <exception cref="InvalidOperationException">The text does what the card would not forgive, or waits for ever.</exception>
    public bool Advance()
    {
        bool moved = false;
        foreach (PtxThread thread in _threads)
        {
            bool goesOn = !thread.Done && thread.Waits is null;
            moved |= goesOn;
            while (goesOn)
            {
                goesOn = !Step(thread) && !thread.Done && thread.Waits is null;
            }
        }

        moved |= Meet();
        moved = moved || _copies.Come();
        if (cluster.IsStuck(moved) && Array.Find(_threads, static t => !t.Done) is { } stuck)
        {
            throw PtxMachine.Fault(stuck.Waits!, $"thread {stuck.Number} of group {x}, {y} waits for ever");
        }

        return moved;
    }

    // Whether it was a look at what others write.
    private bool Step(PtxThread thread)
    {
        PtxInstruction instruction = program.Code[thread.At];
        if (instruction.Predicate >= 0 && (thread.Registers[instruction.Predicate] != 0) == instruction.Negated)
        {
            thread.At++;
            return false;
        }

        switch (instruction.Actor)
        {
            case PtxActor.Together:
                thread.Waits = instruction;
                return false;
            case PtxActor.Branch:
                thread.At = program.Label(instruction.Operands[0].Name!);
                return false;
            case PtxActor.Return:
                thread.Done = true;
                PtxCopies.Complete(thread.Copies, 0);
                return false;
            case PtxActor.Asynchronous when Asynchronous(thread, instruction, instruction.Operands):
                thread.At++;
                return false;
            default:
                thread.At++;
                _at = instruction;
                PtxArithmetic.Run(instruction, thread, this);
                return instruction.IsSystem && instruction.Words[0] == "ld";
        }
    }

    /// <summary>A parameter's bytes.</summary>
    public ReadOnlySpan<byte> Parameter(PtxOperand name) => machine.Parameter(name.Name!, name.Offset);

    /// <summary>Memory that the instruction of now reads or writes.</summary>
    public Span<byte> Memory(string space, ulong address, int bytes) =>
        space == "shared" ? PtxMachine.Shared(shared, address, bytes, _at!) : machine.Global(address, bytes, _at!);

    /// <summary>Sends 8 bytes to memory that others read: they arrive at some time.</summary>
    public void Send(ulong address, ulong value) => machine.Send(address, value, _at!);

    /// <summary>Takes a word that another group of the cluster sends: it comes at some time.</summary>
    public void Receive(ulong address, uint word, ulong barrier, PtxInstruction at) => _copies.Receive(address, word, barrier, at);

    /// <summary>What an operand is for a thread.</summary>
    public ulong Value(PtxThread thread, PtxOperand operand) => operand.Register >= 0 ? thread.Registers[operand.Register]
        : operand.Name is not null ? machine.Named(operand.Name, thread, this)
        : operand.Parts.Length == 1 ? Value(thread, operand.Parts[0])
        : operand.Value;

    // Lets those go on that have met.
    private bool Meet()
    {
        bool moved = false;
        foreach (PtxThread thread in _threads.Where(t => t.Waits is not null && t.Waits.Operation.StartsWith("mbarrier", StringComparison.Ordinal)))
        {
            PtxOperand[] o = thread.Waits!.Operands;
            if (_copies.Parity(Value(thread, o[1])) != (int)Value(thread, o[2]))
            {
                thread.Registers[o[0].Register] = 1;
                Go(thread);
                moved = true;
            }
        }

        foreach (PtxThread thread in _threads.Where(t => t.Waits is not null && t.Waits.Operation.StartsWith("barrier.cluster", StringComparison.Ordinal) && t.Arrivals <= cluster.Phases))
        {
            Go(thread);
            moved = true;
        }

        foreach (var met in _threads
            .Where(t => t.Waits?.Operation == "bar.sync")
            .GroupBy(t => (Number: Value(t, t.Waits!.Operands[0]), Count: t.Waits!.Operands.Length > 1 ? (int)t.Waits.Operands[1].Value : program.ThreadCount))
            .Select(g => (Threads: g.ToArray(), g.Key.Number, g.Key.Count)).ToList())
        {
            // Some only say that they have come.
            int come = met.Threads.Length + _told.GetValueOrDefault(met.Number);
            Assert.True(come <= met.Count, "more have come to a barrier than it waits for");
            if (come == met.Count)
            {
                _told.Remove(met.Number);
            }

            moved |= Pass(met.Threads, come == met.Count, null);
        }

        foreach (PtxThread[] warp in _threads.Chunk(32))
        {
            moved |= Pass(warp, Together(warp) && !warp[0].Waits!.Operation.StartsWith("wgmma", StringComparison.Ordinal), i => PtxWarp.Run(i, warp, Value, shared));
        }

        foreach (PtxThread[] four in _threads.Chunk(128))
        {
            moved |= Pass(four, Together(four) && four[0].Waits!.Operation.StartsWith("wgmma", StringComparison.Ordinal), i => Product(i, four));
        }

        return moved;
    }

    private static bool Together(PtxThread[] threads) =>
        threads[0].Waits is { } first && first.Words[0] is not ("mbarrier" or "barrier") && first.Operation != "bar.sync" && threads.All(t => t.Waits == first);

    private static bool Pass(PtxThread[] threads, bool met, Action<PtxInstruction>? act)
    {
        if (met)
        {
            act?.Invoke(threads[0].Waits!);
            foreach (PtxThread thread in threads)
            {
                Go(thread);
            }
        }

        return met;
    }

    private static void Go(PtxThread thread)
    {
        thread.Waits = null;
        thread.At++;
    }

    private bool Asynchronous(PtxThread thread, PtxInstruction instruction, PtxOperand[] o)
    {
        string operation = instruction.Operation;
        if (operation.StartsWith("barrier.cluster.arrive", StringComparison.Ordinal))
        {
            cluster.Arrive(thread);
        }
        else if (operation == "bar.arrive")
        {
            ulong number = Value(thread, o[0]);
            _told[number] = _told.GetValueOrDefault(number) + 1;
            Assert.True(_told[number] <= (int)o[1].Value, "a barrier is told more than it waits for");
        }
        else
        {
            return _copies.Take(this, thread, instruction, o) || operation.StartsWith("fence", StringComparison.Ordinal) || operation.StartsWith("griddepcontrol", StringComparison.Ordinal);
        }

        return true;
    }

    private void Product(PtxInstruction instruction, PtxThread[] four)
    {
        int number = four[0].Number / 128;
        if (!_products.TryGetValue(number, out List<List<Action>>? groups))
        {
            _products.Add(number, groups = [[]]);
        }

        PtxOperand[] o = instruction.Operands;
        if (instruction.Operation.StartsWith("wgmma.commit", StringComparison.Ordinal))
        {
            groups.Add([]);
        }
        else if (instruction.Operation.StartsWith("wgmma.wait", StringComparison.Ordinal))
        {
            PtxCopies.Complete(groups, (int)o[0].Value + 1);
        }
        else if (instruction.Operation.StartsWith("wgmma.mma", StringComparison.Ordinal))
        {
            // A left side in registers is read when the product is made, as late as the tiles.
            (ulong a, ulong b, bool add) = (o[1].Parts.Length > 0 ? 0 : Value(four[0], o[1]), Value(four[0], o[2]), Value(four[0], o[3]) != 0);
            groups[^1].Add(() => PtxWarp.Multiply(instruction, four, a, b, add, shared));
            if (!machine.LateProducts)
            {
                groups[^1][^1]();
                groups[^1].Clear();
            }
        }
    }
}
