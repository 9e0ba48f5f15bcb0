using System.Buffers;

namespace Lean.Kernels.Tests;

/// <summary>A group of threads on the model of a card. Threads run one after the other up to what they must wait for.</summary>
internal sealed class PtxGroup
{
    private readonly PtxProgram _program;
    private readonly PtxMachine _machine;
    private readonly PtxThread[] _threads;
    private readonly PtxThread[][] _warps;
    private readonly PtxThread[][] _fours;
    private readonly Dictionary<int, List<List<Action>>> _products = [];
    private readonly Dictionary<ulong, int> _told = [];
    private readonly PtxCopies _copies;
    private readonly byte[] _shared;
    private readonly ulong[] _file;

    /// <param name="program">What it runs.</param>
    /// <param name="machine">On what.</param>
    /// <param name="cluster">With which groups.</param>
    /// <param name="shared">Its shared memory.</param>
    /// <param name="file">Memory for its threads' registers.</param>
    /// <param name="x">Its place.</param>
    /// <param name="y">Its place.</param>
    /// <param name="countX">Groups side by side.</param>
    public PtxGroup(PtxProgram program, PtxMachine machine, PtxCluster cluster, byte[] shared, ulong[] file, int x, int y, int countX)
    {
        (_program, _machine, Cluster, _shared, _file, X, Y, CountX) = (program, machine, cluster, shared, file, x, y, countX);
        _copies = new PtxCopies(machine, shared);
        ulong[] first = program.Begin(name => machine.Named(name, this));
        int number = program.Find(PtxThread.NumberName);
        _threads = [.. Enumerable.Range(0, program.ThreadCount).Select(i => new PtxThread(i, file, first.Length))];
        foreach (PtxThread thread in _threads)
        {
            first.CopyTo(thread.Registers);
            if (number >= 0)
            {
                thread.Registers[number] = (ulong)thread.Number;
            }
        }

        (_warps, _fours) = ([.. _threads.Chunk(32)], [.. _threads.Chunk(128)]);
    }

    public int X { get; }

    public int Y { get; }

    public int CountX { get; }

    public PtxCluster Cluster { get; }

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
            if (!thread.Done && thread.Waits is null)
            {
                moved = true;
                Run(thread);
            }
        }

        moved |= Meet();
        moved = moved || _copies.Come();
        if (Cluster.IsStuck(moved) && Array.Find(_threads, static t => !t.Done) is { } stuck)
        {
            throw PtxMachine.Fault(stuck.Waits!, $"thread {stuck.Number} of group {X}, {Y} waits for ever");
        }

        return moved;
    }

    /// <summary>Gives its memory to groups to come: nothing of this one runs any more.</summary>
    public void Release()
    {
        ArrayPool<ulong>.Shared.Return(_file);
        PtxSharedMemory.Return(_shared);
    }

    // Until it must wait, has ended, or has looked at what others write.
    private void Run(PtxThread thread)
    {
        PtxInstruction[] code = _program.Code;
        Span<ulong> registers = thread.Registers;
        int at = thread.At;
        while (true)
        {
            PtxInstruction instruction = code[at++];
            if (instruction.Predicate >= 0 && (registers[instruction.Predicate] != 0) == instruction.Negated)
            {
                continue;
            }

            switch (instruction.Actor)
            {
                case PtxActor.Alone:
                    registers[instruction.Into] = instruction.Result!(registers[instruction.A], registers[instruction.B], registers[instruction.C]) & instruction.Mask;
                    break;
                case PtxActor.Memory:
                    instruction.Act!(registers, this);
                    if (instruction.IsSystem && instruction.Words[0] == "ld")
                    {
                        thread.At = at;
                        return;
                    }

                    break;
                case PtxActor.Branch:
                    at = instruction.Target;
                    break;
                case PtxActor.Asynchronous:
                    Start(thread, instruction);
                    break;
                case PtxActor.Together:
                    (thread.At, thread.Waits) = (at, instruction);
                    return;
                default:
                    thread.Done = true;
                    PtxCopies.Complete(thread.Copies, 0);
                    return;
            }
        }
    }

    /// <summary>A parameter's bytes.</summary>
    public ReadOnlySpan<byte> Parameter(int index, int offset) => _machine.Parameter(index, offset);

    /// <summary>Memory that an instruction reads or writes.</summary>
    public Span<byte> Memory(PtxInstruction at, ulong address, int bytes) =>
        at.IsShared ? PtxMachine.Shared(_shared, address, bytes, at) : _machine.Global(address, bytes, at);

    /// <summary>Sends 8 bytes to memory that others read: they arrive at some time.</summary>
    public void Send(ulong address, ulong value, PtxInstruction at) => _machine.Send(address, value, at);

    /// <summary>Takes a word that another group of the cluster sends: it comes at some time.</summary>
    public void Receive(ulong address, uint word, ulong barrier, PtxInstruction at) => _copies.Receive(address, word, barrier, at);

    // Lets those go on that have met.
    private bool Meet()
    {
        bool moved = false;
        foreach (PtxThread thread in _threads)
        {
            if (thread.Waits is { Meeting: PtxMeeting.Copies } wait && _copies.Parity(thread.Registers[wait.A]) != (int)thread.Registers[wait.B])
            {
                thread.Registers[wait.Into] = 1;
                thread.Waits = null;
                moved = true;
            }
        }

        var barriers = new List<(ulong Number, int Count, List<PtxThread> Threads)>();
        foreach (PtxThread thread in _threads)
        {
            if (thread.Waits is { Meeting: PtxMeeting.Cluster } && thread.Arrivals <= Cluster.Phases)
            {
                thread.Waits = null;
                moved = true;
            }
            else if (thread.Waits is { Meeting: PtxMeeting.Barrier } wait)
            {
                (ulong number, int count) = (thread.Registers[wait.Into], wait.Operands.Length > 1 ? (int)wait.Operands[1].Value : _program.ThreadCount);
                int found = barriers.FindIndex(b => b.Number == number && b.Count == count);
                if (found < 0)
                {
                    found = barriers.Count;
                    barriers.Add((number, count, []));
                }

                barriers[found].Threads.Add(thread);
            }
        }

        foreach ((ulong number, int count, List<PtxThread> threads) in barriers)
        {
            // Some only say that they have come.
            int come = threads.Count + _told.GetValueOrDefault(number);
            Assert.True(come <= count, "more have come to a barrier than it waits for");
            if (come == count)
            {
                _told.Remove(number);
                threads.ForEach(static t => t.Waits = null);
                moved = true;
            }
        }

        foreach (PtxThread[] warp in _warps)
        {
            if (Together(warp, PtxMeeting.Warp) is { } instruction)
            {
                PtxWarp.Run(instruction, warp, _shared);
                Array.ForEach(warp, static t => t.Waits = null);
                moved = true;
            }
        }

        foreach (PtxThread[] four in _fours)
        {
            if (Together(four, PtxMeeting.WarpGroup) is { } instruction)
            {
                Product(instruction, four);
                Array.ForEach(four, static t => t.Waits = null);
                moved = true;
            }
        }

        return moved;
    }

    // What all of them wait for with each other, if they do.
    private static PtxInstruction? Together(PtxThread[] threads, PtxMeeting meeting)
    {
        PtxInstruction? first = threads[0].Waits;
        if (first?.Meeting != meeting)
        {
            return null;
        }

        foreach (PtxThread thread in threads)
        {
            if (thread.Waits != first)
            {
                return null;
            }
        }

        return first;
    }

    private void Start(PtxThread thread, PtxInstruction instruction)
    {
        string operation = instruction.Operation;
        if (operation.StartsWith("barrier.cluster.arrive", StringComparison.Ordinal))
        {
            Cluster.Arrive(thread);
        }
        else if (operation == "bar.arrive")
        {
            ulong number = thread.Registers[instruction.Into];
            _told[number] = _told.GetValueOrDefault(number) + 1;
            Assert.True(_told[number] <= (int)instruction.Operands[1].Value, "a barrier is told more than it waits for");
        }
        else if (!_copies.Take(thread, instruction) && instruction.Words[0] is not ("fence" or "griddepcontrol"))
        {
            throw PtxMachine.Fault(instruction, "the model has no such instruction");
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
            PtxCopies.Complete(groups, (int)o[0].Value + 1);
        }
        else if (instruction.Operation.StartsWith("wgmma.mma", StringComparison.Ordinal))
        {
            // A left side in registers is read when the product is made, as late as the tiles.
            (ulong a, ulong b, bool add) = (o[1].Parts.Length > 0 ? 0 : four[0].Registers[instruction.A], four[0].Registers[instruction.B], four[0].Registers[instruction.C] != 0);
            groups[^1].Add(() => PtxWarp.Multiply(instruction, four, a, b, add, _shared));
            if (!_machine.LateProducts)
            {
                groups[^1][^1]();
                groups[^1].Clear();
            }
        }
    }
}
