using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>A group of threads on the model of a card. Threads run one after the other up to what they must wait for.</summary>
internal sealed class PtxGroup(PtxProgram program, PtxMachine machine, PtxCluster cluster, byte[] shared, int x, int y, int countX)
{
    private readonly PtxThread[] _threads = [.. Enumerable.Range(0, program.ThreadCount).Select(i => new PtxThread(i, program.RegisterCount))];
    private readonly Dictionary<ulong, Barrier> _barriers = [];
    private readonly Queue<Action> _loads = [];
    private readonly Queue<PtxThread> _arriving = [];
    private readonly Dictionary<int, List<List<Action>>> _products = [];
    private readonly Dictionary<ulong, int> _told = [];
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
        if (!moved && _loads.TryDequeue(out Action? load))
        {
            load();
            moved = true;
        }
        else if (!moved && _arriving.TryDequeue(out PtxThread? copies))
        {
            Complete(copies.Copies, 0);
            moved = true;
        }

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
                Complete(thread.Copies, 0);
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
    public void Receive(ulong address, uint word, ulong barrier, PtxInstruction at)
    {
        Barrier counts = _barriers.TryGetValue(barrier, out Barrier? found) ? found : throw PtxMachine.Fault(at, "the group has no such barrier");
        Bring(() =>
        {
            MemoryMarshal.Write(PtxMachine.Shared(shared, address, 4, at), word);
            counts.Come(-4);
        });
    }

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
            if (_barriers[Value(thread, o[1])].Parity != (int)Value(thread, o[2]))
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
        if (operation == "cp.async.cg.shared.global")
        {
            (ulong to, ulong from, int bytes) = (Value(thread, o[0]), Value(thread, o[1]), (int)Value(thread, o[3]));
            thread.Copies[^1].Add(() =>
            {
                Span<byte> target = PtxMachine.Shared(shared, to, 16, instruction);
                target.Clear();
                machine.Global(from, 16, instruction)[..bytes].CopyTo(target);
            });
        }
        else if (operation.StartsWith("cp.async.mbarrier.arrive.noinc", StringComparison.Ordinal))
        {
            thread.Copies[^1].Add(_barriers[Value(thread, o[0])].Arrive);
            _arriving.Enqueue(thread);
        }
        else if (operation is "cp.async.commit_group" or "cp.async.bulk.commit_group")
        {
            thread.Copies.Add([]);
        }
        else if (operation is "cp.async.wait_group" or "cp.async.bulk.wait_group.read")
        {
            Complete(thread.Copies, (int)o[0].Value + 1);
        }
        else if (operation.StartsWith("cp.async.bulk.tensor.2d.global", StringComparison.Ordinal))
        {
            (PtxTensor tensor, int column, int row) = Tile(thread, o[0]);
            ulong from = Value(thread, o[1]);
            thread.Copies[^1].Add(() => CopyTile(tensor, column, row, from, instruction, toShared: false));
        }
        else if (operation.StartsWith("cp.async.bulk.tensor.2d.shared", StringComparison.Ordinal))
        {
            (PtxTensor tensor, int column, int row) = Tile(thread, o[1]);
            (ulong to, Barrier barrier) = (Value(thread, o[0]), _barriers[Value(thread, o[2])]);
            Bring(() =>
            {
                CopyTile(tensor, column, row, to, instruction, toShared: true);
                barrier.Come(-tensor.TileRows * 128);
            });
        }
        else if (operation == "cp.async.bulk.prefetch.L2.global")
        {
            // Nothing comes, but what is asked for must be there.
            (ulong from, int bytes) = (Value(thread, o[0]), (int)Value(thread, o[1]));
            if (from % 16 != 0 || bytes % 16 != 0)
            {
                throw PtxMachine.Fault(instruction, $"{bytes} bytes from {from}, expected multiples of 16");
            }

            for (int i = 0; i < bytes; i += 16)
            {
                machine.Global(from + (ulong)i, 16, instruction);
            }
        }
        else if (operation.StartsWith("cp.async.bulk.shared", StringComparison.Ordinal))
        {
            (ulong to, ulong from, int bytes, Barrier barrier) = (Value(thread, o[0]), Value(thread, o[1]), (int)Value(thread, o[2]), _barriers[Value(thread, o[3])]);
            if (to % 16 != 0 || from % 16 != 0 || bytes % 16 != 0)
            {
                throw PtxMachine.Fault(instruction, $"{bytes} bytes from {from} to {to}, expected multiples of 16");
            }

            Bring(() =>
            {
                for (int i = 0; i < bytes; i += 16)
                {
                    machine.Global(from + (ulong)i, 16, instruction).CopyTo(PtxMachine.Shared(shared, to + (ulong)i, 16, instruction));
                }

                barrier.Come(-bytes);
            });
        }
        else if (operation.StartsWith("cp.async.bulk.global", StringComparison.Ordinal))
        {
            (ulong to, ulong from, int bytes) = (Value(thread, o[0]), Value(thread, o[1]), (int)Value(thread, o[2]));
            if (to % 16 != 0 || from % 16 != 0 || bytes % 16 != 0)
            {
                throw PtxMachine.Fault(instruction, $"{bytes} bytes from {from} to {to}, expected multiples of 16");
            }

            thread.Copies[^1].Add(() =>
            {
                for (int i = 0; i < bytes; i += 16)
                {
                    PtxMachine.Shared(shared, from + (ulong)i, 16, instruction).CopyTo(machine.Global(to + (ulong)i, 16, instruction));
                }
            });
        }
        else if (operation.StartsWith("barrier.cluster.arrive", StringComparison.Ordinal))
        {
            cluster.Arrive(thread);
        }
        else if (operation == "bar.arrive")
        {
            ulong number = Value(thread, o[0]);
            _told[number] = _told.GetValueOrDefault(number) + 1;
            Assert.True(_told[number] <= (int)o[1].Value, "a barrier is told more than it waits for");
        }
        else if (operation.StartsWith("mbarrier.init", StringComparison.Ordinal))
        {
            _barriers[Value(thread, o[0])] = new Barrier((int)Value(thread, o[1]));
        }
        else if (operation.StartsWith("mbarrier.arrive", StringComparison.Ordinal))
        {
            Barrier barrier = _barriers[Value(thread, o[1])];
            if (operation.Contains("expect_tx", StringComparison.Ordinal))
            {
                barrier.Expect((int)Value(thread, o[2]));
            }

            barrier.Arrive();
        }
        else
        {
            return operation.StartsWith("fence", StringComparison.Ordinal) || operation.StartsWith("griddepcontrol", StringComparison.Ordinal);
        }

        return true;
    }

    private void Bring(Action load)
    {
        _loads.Enqueue(load);
        if (!machine.LateCopies)
        {
            _loads.Dequeue()();
        }
    }

    private (PtxTensor Tensor, int Column, int Row) Tile(PtxThread thread, PtxOperand place) =>
        (machine.Tensor(Value(thread, place.Parts[0])), (int)Value(thread, place.Parts[1].Parts[0]), (int)Value(thread, place.Parts[1].Parts[1]));

    private void CopyTile(PtxTensor tensor, int column, int row, ulong address, PtxInstruction at, bool toShared)
    {
        if (address % 1024 != 0)
        {
            throw PtxMachine.Fault(at, $"a tile at {address}, expected a multiple of 1024");
        }

        for (int r = 0; r < tensor.TileRows; r++)
        {
            for (int c = 0; c < 128 / tensor.Size; c++)
            {
                Span<byte> inside = tensor.At(row + r, column + c);
                Span<byte> place = PtxMachine.Shared(shared, PtxWarp.Swizzled(address + (ulong)((r * 128) + (c * tensor.Size))), tensor.Size, at);
                if (toShared)
                {
                    place.Clear();
                    inside.CopyTo(place);
                }
                else if (!inside.IsEmpty)
                {
                    place.CopyTo(inside);
                }
            }
        }
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
            Complete(groups, (int)o[0].Value + 1);
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

    // All groups but the newest, the open one counted.
    private static void Complete(List<List<Action>> groups, int keep)
    {
        while (groups.Count > keep)
        {
            groups[0].ForEach(a => a());
            groups.RemoveAt(0);
        }

        if (groups.Count == 0)
        {
            groups.Add([]);
        }
    }

    /// <summary>An mbarrier.</summary>
    private sealed class Barrier(int arrivals)
    {
        private int _come;
        private int _bytes;

        /// <summary>Of the phase that runs.</summary>
        public int Parity { get; private set; }

        public void Expect(int bytes) => _bytes += bytes;

        public void Come(int bytes)
        {
            _bytes += bytes;
            End();
        }

        public void Arrive()
        {
            _come++;
            Assert.True(_come <= arrivals, "more have arrived at a barrier than it waits for");
            End();
        }

        private void End()
        {
            if (_come == arrivals && _bytes == 0)
            {
                Parity ^= 1;
                _come = 0;
            }
        }
    }
}
