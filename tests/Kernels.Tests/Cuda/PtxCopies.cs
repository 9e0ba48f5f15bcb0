using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>What a group's threads have copied for them while they go on, and the barriers that say when it has come. Copies may come as late as somebody waits for them.</summary>
internal sealed class PtxCopies(PtxMachine machine, byte[] shared)
{
    private readonly Dictionary<ulong, PtxBarrier> _barriers = [];
    private readonly Queue<Action> _loads = [];
    private readonly Queue<PtxThread> _arriving = [];

    /// <summary>The phase of a barrier that runs.</summary>
    public int Parity(ulong barrier) => _barriers[barrier].Parity;

    /// <summary>Lets one come that nobody can do without any more.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Come()
    {
        if (_loads.TryDequeue(out Action? load))
        {
            load();
            return true;
        }

        if (_arriving.TryDequeue(out PtxThread? thread))
        {
            Complete(thread.Copies, 0);
            return true;
        }

        return false;
    }

    /// <summary>Takes a word that another group of the cluster sends: it comes at some time.</summary>
    public void Receive(ulong address, uint word, ulong barrier, PtxInstruction at)
    {
        PtxBarrier counts = _barriers.TryGetValue(barrier, out PtxBarrier? found) ? found : throw PtxMachine.Fault(at, "the group has no such barrier");
        Bring(() =>
        {
            MemoryMarshal.Write(PtxMachine.Shared(shared, address, 4, at), word);
            counts.Come(-4);
        });
    }

    /// <summary>Does what an instruction asks for, or notes it for later.</summary>
    /// <returns>Whether it is one of these.</returns>
    public bool Take(PtxThread thread, PtxInstruction instruction)
    {
        PtxOperand[] o = instruction.Operands;
        Span<ulong> r = thread.Registers;
        string operation = instruction.Operation;
        if (operation is "cp.async.cg.shared.global" or "cp.async.cg.shared.global.L2::cache_hint")
        {
            (ulong to, ulong from, int bytes) = (r[o[0].Register], r[o[1].Register], (int)r[o[3].Register]);
            thread.Copies[^1].Add(() =>
            {
                Span<byte> target = PtxMachine.Shared(shared, to, 16, instruction);
                target.Clear();
                machine.Global(from, 16, instruction)[..bytes].CopyTo(target);
            });
        }
        else if (operation.StartsWith("cp.async.mbarrier.arrive.noinc", StringComparison.Ordinal))
        {
            thread.Copies[^1].Add(_barriers[r[o[0].Register]].Arrive);
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
            ulong from = r[o[1].Register];
            thread.Copies[^1].Add(() => CopyTile(tensor, column, row, from, instruction, toShared: false));
        }
        else if (operation.StartsWith("cp.async.bulk.tensor.2d.shared", StringComparison.Ordinal))
        {
            (PtxTensor tensor, int column, int row) = Tile(thread, o[1]);
            (ulong to, PtxBarrier barrier) = (r[o[0].Register], _barriers[r[o[2].Register]]);
            Bring(() =>
            {
                CopyTile(tensor, column, row, to, instruction, toShared: true);
                barrier.Come(-tensor.TileRows * 128);
            });
        }
        else if (operation == "cp.async.bulk.prefetch.L2.global")
        {
            // Nothing comes, but what is asked for must be there.
            (ulong from, int bytes) = (r[o[0].Register], (int)r[o[1].Register]);
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
            (ulong to, ulong from, int bytes, PtxBarrier barrier) = (r[o[0].Register], r[o[1].Register], (int)r[o[2].Register], _barriers[r[o[3].Register]]);
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
            (ulong to, ulong from, int bytes) = (r[o[0].Register], r[o[1].Register], (int)r[o[2].Register]);
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
        else if (operation.StartsWith("mbarrier.init", StringComparison.Ordinal))
        {
            _barriers[r[o[0].Register]] = new PtxBarrier((int)r[o[1].Register]);
        }
        else if (operation.StartsWith("mbarrier.arrive", StringComparison.Ordinal))
        {
            PtxBarrier barrier = _barriers[r[o[1].Register]];
            if (operation.Contains("expect_tx", StringComparison.Ordinal))
            {
                barrier.Expect((int)r[o[2].Register]);
            }

            barrier.Arrive();
        }
        else
        {
            return false;
        }

        return true;
    }

    /// <summary>Does what was committed in groups, but for the newest, the open one counted.</summary>
    public static void Complete(List<List<Action>> groups, int keep)
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

    private void Bring(Action load)
    {
        _loads.Enqueue(load);
        if (!machine.LateCopies)
        {
            _loads.Dequeue()();
        }
    }

    private (PtxTensor Tensor, int Column, int Row) Tile(PtxThread thread, PtxOperand place) =>
        (machine.Tensor(thread.Registers[place.Parts[0].Register]), (int)thread.Registers[place.Parts[1].Parts[0].Register], (int)thread.Registers[place.Parts[1].Parts[1].Register]);

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
}
